// Express and Koa are ready when a server that calls the application listens (docs/decisions, 6).
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { evaluate } from '../support/program.js'

const { resolve } = createRequire(import.meta.url)
const url = (name: string) => pathToFileURL(resolve(name)).href

/** The states before and after `listen`, while an unrelated server runs, and the logged warnings. */
function statesOf(make: string, listen: string): Promise<unknown> {
  return evaluate(`
    import http from 'node:http'
    import https from 'node:https'
    import { once } from 'node:events'
    import { cert, key } from '${new URL('../fixtures/tls.mjs', import.meta.url)}'
    const logged = []
    const logger = { info() {}, error() {}, warn: (facts, message) => logged.push(message) }
    ${make}
    const beside = http.createServer((request, response) => response.end()).listen(0)
    await once(beside, 'listening')
    await (await fetch('http://127.0.0.1:' + beside.address().port)).text()
    const states = [handle.state]
    ${listen}
    states.push(handle.state)
    console.log(JSON.stringify({ states, logged }))
    process.exit()`)
}

const express = `
  const { default: graceful } = await import('${url('@handover/express')}')
  const { default: express } = await import('${url('express')}')
  const app = express()
  const handle = graceful(app, { logger })`
const koa = `
  const { default: graceful } = await import('${url('@handover/koa')}')
  const { default: Koa } = await import('${url('koa')}')
  const app = new Koa()
  const handle = graceful(app, { logger })`

test.each([
  ['Express', 'app.listen()', express, 'app.listen(0)'],
  ['Express', 'http.createServer(app)', express, 'http.createServer(app).listen(0)'],
  [
    'Express',
    'https.createServer(options, app)',
    express,
    'https.createServer({ key, cert }, app).listen(0)',
  ],
  ['Koa', 'app.listen()', koa, 'app.listen(0)'],
  ['Koa', 'http.createServer(app.callback())', koa, 'http.createServer(app.callback()).listen(0)'],
])('%s is ready with %s, but not with an unrelated server', async (_, __, make, listen) => {
  expect(await statesOf(make, `${listen}; await handle.ready()`)).toEqual({
    states: ['starting', 'ready'],
    logged: [],
  })
})

test('a wrapped application does not become ready when it listens, and the log says what to do', async () => {
  const listen = `
    const warned = new Promise((resolve) => { logger.warn = (facts, message) => resolve(logged.push(message)) })
    http.createServer((request, response) => app(request, response)).listen(0)
    await warned`
  expect(await statesOf(express, listen)).toEqual({
    states: ['starting', 'starting'],
    logged: [expect.stringMatching(/^not ready: .* Express .*use graceful\(server\) of @handover\/core/)],
  })
})
