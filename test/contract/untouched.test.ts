// What a framework does with the adapter and without it is compared in one process.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { evaluate } from '../support/program.js'

const { resolve } = createRequire(import.meta.url)
const urlOf = (name: string) => JSON.stringify(pathToFileURL(resolve(name)).href)

/** What the text comes to without the adapter, and with it: it makes an application, and says what is to be compared. */
async function compare(
  framework: string,
  adapter: string,
  text: string,
): Promise<{ without: unknown; with: unknown }> {
  const result = await evaluate(`
    import http from 'node:http'
    import framework from ${urlOf(framework)}
    import graceful from ${urlOf(adapter)}
    const listen = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
    const ask = async (server, path) => {
      const { status, headers } = await fetch('http://127.0.0.1:' + server.address().port + path)
      return [path, status, headers.get('x-powered-by')]
    }
    const run = async (tie) => { ${text} }
    const result = { without: await run(), with: await run((app) => graceful(app, { logger: false })) }
    process.stdout.write(JSON.stringify(result), () => process.exit())`)
  return result as { without: unknown; with: unknown }
}

const paths = "['/Path', '/path', '/Path/', '/sub/Path', '/sub/path', '/none']"
const asked = `
    const server = await listen(http.createServer(app))
    const answers = []
    for (const path of ${paths}) answers.push(await ask(server, path))
    server.closeAllConnections()
    return answers`

const express = {
  'that sets strict and case sensitive routing after it': `
    if (tie) app.use(tie(app))
    app.enable('strict routing').enable('case sensitive routing')`,
  'that sets them after it, and calls it in two steps': `
    const handle = tie?.(app)
    if (handle) app.use(handle)
    app.enable('strict routing').enable('case sensitive routing')`,
  'that sets them after its first route': `
    const handle = tie?.(app)
    app.get('/first', (_request, response) => response.end())
    if (handle) app.use(handle)
    app.enable('strict routing').enable('case sensitive routing')`,
  'that sets them before': `
    app.enable('strict routing').enable('case sensitive routing')
    if (tie) app.use(tie(app))`,
}

const versions = [
  ['5', 'express'],
  ['4.18', 'express-4'],
] as const

test.each(
  versions.flatMap(([version, name]) =>
    Object.entries(express).map(([what, text]) => [version, what, name, text] as const),
  ),
)(
  'C69: an application of Express %s %s routes as it does without the adapter',
  async (_, _what, name, text) => {
    const compared = await compare(
      name,
      '@handover/express',
      `const app = framework()
    ${text}
    const sub = framework.Router()
    sub.get('/Path', (_request, response) => response.end())
    app.get('/Path', (_request, response) => response.end())
    app.use('/sub', sub)
    ${asked}`,
    )
    expect(compared.with).toEqual(compared.without)
  },
)

test.each(versions)(
  'C69: an application of Express %s without a route answers as it does without the adapter',
  async (_, name) => {
    const compared = await compare(
      name,
      '@handover/express',
      `const app = framework(); if (tie) app.use(tie(app))\n${asked}`,
    )
    expect(compared.with).toEqual(compared.without)
  },
)

test.each(versions)('C69: once it listens, nothing of the adapter is left in Express %s', async (_, name) => {
  const compared = await compare(
    name,
    '@handover/express',
    `const app = framework()
    const keys = () => JSON.stringify(Object.getOwnPropertyNames(app).map((key) => [key, String(Object.getOwnPropertyDescriptor(app, key).get ?? typeof app[key])]))
    if (tie) app.use(tie(app))
    app.get('/', (_request, response) => response.end())
    const server = await listen(http.createServer(app))
    await ask(server, '/')
    server.closeAllConnections()
    return [keys(), (app._router ?? app.router).stack.length]`,
  )
  expect(compared.with).toEqual(compared.without)
})

test.each([
  ['3', 'koa'],
  ['2', 'koa-2'],
])(
  'C69: an application of Koa %s has the same members, middleware and answers with the adapter',
  async (_, name) => {
    const compared = await compare(
      name,
      '@handover/koa',
      `const app = new framework()
    const { middleware } = app
    if (tie) app.use(tie(app))
    app.use((context) => { context.body = 'ok' })
    const answers = await (async () => { ${asked.replace('(app)', '(app.callback())')} })()
    return [answers, Object.keys(app), JSON.stringify(app), app.eventNames(), middleware.length, app.middleware === middleware]`,
    )
    expect(compared.with).toEqual(compared.without)
  },
)
