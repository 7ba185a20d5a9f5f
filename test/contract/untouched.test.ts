// Compares a framework with and without the adapter in one process.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { evaluate } from '../support/program.js'

const { resolve } = createRequire(import.meta.url)
const urlOf = (name: string) => JSON.stringify(pathToFileURL(resolve(name)).href)

/** Runs the text without and with the adapter. The text creates an application and returns what to compare. */
async function compare(
  framework: string,
  adapter: string,
  text: string,
): Promise<{ without: unknown; with: unknown }> {
  const result = await evaluate(`
    import { once } from 'node:events'
    import http from 'node:http'
    import http2 from 'node:http2'
    import https from 'node:https'
    import net from 'node:net'
    import * as all from ${urlOf(framework)}
    const framework = all.default
    import { graceful } from ${urlOf(adapter)}
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
  'that sets strict and case sensitive routing after the adapter': `
    if (tie) app.use(tie(app))
    app.enable('strict routing').enable('case sensitive routing')`,
  'that sets both after the adapter, which it calls in two steps': `
    const handle = tie?.(app)
    if (handle) app.use(handle)
    app.enable('strict routing').enable('case sensitive routing')`,
  'that sets both after its first route': `
    const handle = tie?.(app)
    app.get('/first', (_request, response) => response.end())
    if (handle) app.use(handle)
    app.enable('strict routing').enable('case sensitive routing')`,
  'that sets both before the adapter': `
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

test.each(versions)('C69: once it listens, Express %s has no trace of the adapter', async (_, name) => {
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
  'C69: an application of Koa %s has the same members, middleware and responses with the adapter',
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

/** Counts every listener of a server and of its connections, before and while it serves, and afterwards. */
const counting = `
    const countsOf = (emitter) => Object.fromEntries([...emitter.eventNames(), 'error', 'listening', 'close'].map((name) => [String(name), emitter.listenerCount(name)]))
    const counts = []
    const sockets = []
    server.on('connection', (socket) => sockets.push(socket)).on('secureConnection', (socket) => sockets.push(socket))
    const count = () => counts.push(countsOf(server), ...sockets.map(countsOf))
    server.listen(0, '127.0.0.1')
    count()
    await once(server, 'listening')
    count()
    const { port } = server.address()`

const servers = {
  'node:http': `
    const server = http.createServer((request, response) => response.end())
    tie?.(server)
    ${counting}
    for (let i = 0; i < 3; i++) await fetch('http://127.0.0.1:' + port).then((answer) => answer.text())
    count()
    server.closeAllConnections()`,
  'node:net': `
    const server = net.createServer((socket) => socket.resume())
    tie?.(server)
    ${counting}
    const client = net.connect(port, '127.0.0.1').on('error', () => {})
    await once(server, 'connection')
    count()
    client.destroy()
    await once(sockets[0].on('error', () => {}), 'close')`,
  'node:https': `
    const server = https.createServer({ cert, key }, (request, response) => response.end())
    tie?.(server)
    ${counting}
    const request = https.get({ port, host: '127.0.0.1', rejectUnauthorized: false })
    const [answer] = await once(request, 'response')
    answer.resume()
    await once(answer, 'end')
    count()
    server.closeAllConnections()`,
  'node:http2': `
    const server = http2.createServer((request, response) => response.end())
    tie?.(server)
    ${counting}
    const sessions = []
    server.on('session', (session) => sessions.push(session))
    const client = http2.connect('http://127.0.0.1:' + port)
    const request = client.request()
    request.resume()
    await once(request, 'end')
    count()
    counts.push(...sessions.map(countsOf))
    client.destroy()`,
} as const

test.each(Object.entries(servers))(
  'C69: with the adapter, a server of %s and its connections have the same listeners as without it',
  async (_, text) => {
    const compared = await compare(
      '@handover/core',
      '@handover/core',
      `const { cert, key } = await import(${JSON.stringify(new URL('../fixtures/tls.mjs', import.meta.url).href)})
    ${text}
    server.removeAllListeners('connection')
    const closed = once(server, 'close')
    server.close()
    await closed
    counts.push(countsOf(server), Object.keys(server).includes('emit'))
    return counts`,
    )
    expect(compared.with).toEqual(compared.without)
  },
)

test('C69: a server of Fastify has the same listeners with the adapter', async () => {
  const compared = await compare(
    'fastify',
    '@handover/fastify',
    `const app = framework({ logger: false })
    if (tie) await app.register(graceful, { logger: false })
    app.get('/', async () => 'ok')
    const counts = () => Object.fromEntries(app.server.eventNames().map((name) => [String(name), app.server.listenerCount(name)]))
    await app.listen({ port: 0, host: '127.0.0.1' })
    return [await ask(app.server, '/'), counts()]`,
  )
  expect(compared.with).toEqual(compared.without)
})
