// What Handover adds to a request at steady state. These are counts, because times depend on the machine.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { type Counts, countedProgram, exactCounts, least } from '../support/counts.js'
import { ask, connect } from '../support/http.js'
import { launchProgram } from '../support/program.js'

const { resolve } = createRequire(import.meta.url)
const url = (name: string) => pathToFileURL(resolve(name)).href

const programs = {
  http: `
    import http from 'node:http'
    const server = http.createServer((request, response) => response.end(respond(request.url)))
    if (config.guarded) graceful(server, options)
    server.listen(0, '127.0.0.1', () => told(server))
  `,
  Fastify: `
    import fastify from '${url('fastify')}'
    import plugin from '${url('@handover/fastify')}'
    const app = fastify()
    if (config.guarded) app.register(plugin, options)
    app.get('/*', async (request) => respond(request.url))
    await app.listen({ port: 0, host: '127.0.0.1' })
    told(app.server)
  `,
  Express: `
    import express from '${url('express')}'
    import adapter from '${url('@handover/express')}'
    const app = express()
    if (config.guarded) app.use(adapter(app, options))
    app.use((request, response) => response.send(respond(request.url)))
    const server = app.listen(0, '127.0.0.1', () => told(server))
  `,
  Koa: `
    import Koa from '${url('koa')}'
    import adapter from '${url('@handover/koa')}'
    const app = new Koa()
    if (config.guarded) app.use(adapter(app, options))
    app.use((context) => { context.body = respond(context.url) })
    const server = app.listen(0, '127.0.0.1', () => told(server))
  `,
}
type Framework = keyof typeof programs
const frameworks = Object.keys(programs) as Framework[]

const shared = `
const options = { logger: false }
const told = (server) => tell('listening', { addresses: [server.address()] })
// Timers count time, not requests: a slow machine would sample the ages of requests more often for each request.
const stopTimers = () => { globalThis.setTimeout = () => ({ unref() {} }) }
const answers = {
  '/stop-timers': stopTimers,
  '/begin-allocations': beginAllocations,
  '/allocations': allocations,
  '/calls': calls,
}
const respond = (path) => JSON.stringify(answers[path]?.() ?? 'ok')
`

/** Starts the program and returns how to send it requests on one connection, one after the other. */
async function start(framework: Framework, guarded: boolean) {
  const service = launchProgram(countedProgram + shared + programs[framework], {
    config: { guarded },
    execArgv: exactCounts,
  })
  await service.event('listening')
  const connection = await connect(service.target)
  const json = async (path: string) => JSON.parse((await ask(connection, path)).text)
  const send = async (count: number) => {
    for (let i = 0; i < count; i++) await ask(connection, '/')
  }
  await send(300)
  await json('/stop-timers')
  return { json, send }
}

const [requests, rounds] = [30, 20]
/** A round also contains the end of the request before it, and the start of the one after it. */
const counted = requests + 1

/**
 * For a request: 2 objects in every framework and on Node 20 to 26, of 67 to 91 bytes. They are the arguments of the
 * server's own `emit` (docs/decisions/0038-instructions-of-a-request.md). One more object makes 3.
 */
const most = { objects: 2.5, bytes: 150 }

async function allocationsOf(framework: Framework, guarded: boolean): Promise<Counts> {
  const { json, send } = await start(framework, guarded)
  return least(rounds, async () => {
    await json('/begin-allocations')
    await send(requests)
    return json('/allocations')
  })
}

async function callsOf(framework: Framework, guarded: boolean): Promise<Counts> {
  const { json, send } = await start(framework, guarded)
  return least(rounds, async () => {
    const before = await json('/calls')
    await send(requests)
    const after = await json('/calls')
    return Object.fromEntries(Object.keys(after).map((each) => [each, after[each] - before[each]]))
  })
}

test.each(frameworks)('C49: in %s, Handover allocates few objects for a request', async (framework) => {
  const without = await allocationsOf(framework, false)
  const graceful = await allocationsOf(framework, true)
  const more = (figure: string) => ((graceful[figure] ?? Number.NaN) - (without[figure] ?? 0)) / counted
  expect(more('objects')).toBeLessThan(most.objects)
  expect(more('bytes')).toBeLessThan(most.bytes)
})

test.each(frameworks)(
  'C49: in %s, Handover makes no system call and schedules nothing for a request',
  async (framework) => {
    expect(await callsOf(framework, true)).toEqual(await callsOf(framework, false))
  },
)
