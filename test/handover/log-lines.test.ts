// The lines of a reload in the log, for programs that log JSON (docs/reference/log.md).
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { isReady } from '../support/generations.js'
import { connect, gate, get } from '../support/http.js'
import { programFile } from '../support/program.js'
import { launchService, type Service } from '../support/service.js'
import { parseStrictly } from '../support/strict-json.js'

const { resolve } = createRequire(import.meta.url)
const urlOf = (name: string) => pathToFileURL(resolve(name)).href
const routes = new URL('../fixtures/routes.mjs', import.meta.url).href

const pino = `
  import http from 'node:http'
  import pino from '${urlOf('pino')}'
  import { handler } from '${routes}'
  const server = http.createServer(handler(() => handle))
  const handle = graceful(server, { ...config.graceful, logger: pino({ name: 'shop' }) })
  tellOf(handle)
  server.listen(0, '127.0.0.1', () => tell('listening', { addresses: [server.address()] }))`

const fastify = `
  import Fastify from '${urlOf('fastify')}'
  import adapter from '${urlOf('@handover/fastify')}'
  import { held } from '${routes}'
  const app = Fastify({ logger: { name: 'shop' } })
  await app.register(adapter, config.graceful)
  tellOf(app.graceful)
  app.get('/held', async ({ query }) => held(query.by))
  await app.listen({ port: 0, host: '127.0.0.1' })
  tell('listening', { addresses: [app.server.address()] })`

const states = (lines: readonly Record<string, unknown>[]) =>
  lines.map(({ state, because, onProbation }) =>
    [state, because, onProbation && 'on probation'].filter(Boolean).join(' '),
  )

/** The lines of the logger, in the order of their time: an exiting process may write the last ones in another order. */
function linesOf({ output }: Service): Record<string, unknown>[] {
  const texts = output.split('\n').filter((line) => line.startsWith('{') && !line.startsWith('{"event"'))
  return texts.map(parseStrictly).sort((one, other) => Number(one.time) - Number(other.time))
}

test.each([
  ['pino', pino],
  ["Fastify's logger", fastify],
])('%s logs one line for each phase of a reload, without duplicate keys', async (_name, text) => {
  const path = programFile(text)
  const service = launchService(path, { config: { graceful: { probationMs: 50 } } })
  await Promise.all([service.event('listening'), service.event(isReady)])
  const { path: held, open } = gate()
  const connection = await connect(service.target)
  await connection.write(get(held))
  const { from, to } = await service.reload()
  await service.line(/draining: 1 connection open/)
  open()
  expect((await connection.response()).status).toBe(200)
  await service.exitOf(from.pid)

  writeFileSync(path, 'process.exit(3)')
  service.signal('SIGHUP')
  await service.event('reload-failed')
  connection.close()
  service.signal('SIGTERM')
  await service.exitOf(to.pid)
  await service.line(/"generation":2,"state":"exited"/)

  const lines = linesOf(service)
  const withState = lines.filter(({ state, msg }) => state && !/^draining: /.test(String(msg)))
  const statesOf = (number: number) => states(withState.filter(({ generation }) => generation === number))
  expect(statesOf(1)).toEqual(['ready', 'handing-over', 'draining handed-over', 'exited'])
  expect(statesOf(2)).toEqual([
    'ready on probation',
    'ready',
    'handing-over',
    'ready',
    'draining shutdown',
    'exited',
  ])
  expect(withState).toHaveLength(10)
  const drained = lines.filter(({ msg }) => /^drained in/.test(String(msg)))
  expect(drained.sort((one, other) => Number(one.generation) - Number(other.generation))).toMatchObject([
    { generation: 1, pid: from.pid, report: { drain: { because: 'handed-over', moved: 1 } } },
    { generation: 2, pid: to.pid, report: { drain: { because: 'shutdown' } } },
  ])
  expect(lines.filter(({ level }) => Number(level) >= 50)).toMatchObject([
    {
      generation: 2,
      err: { code: 'ERR_HANDOVER_SUCCESSOR_EXITED', exitCode: 3 },
      report: { outcome: 'failed' },
    },
  ])
})

test('the check of these lines finds a duplicate key at any depth', () => {
  expect(parseStrictly('{"a":{"b":1},"b":[{"a":"{\\"a\\":"},{"a":2}]}')).toEqual({
    a: { b: 1 },
    b: [{ a: '{"a":' }, { a: 2 }],
  })
  expect(() => parseStrictly('{"pid":1,"pid":1}')).toThrow('duplicate key "pid"')
  expect(() => parseStrictly('{"a":[{"b":1, "b" :2}]}')).toThrow('duplicate key "b"')
})
