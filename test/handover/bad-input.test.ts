import { readdirSync } from 'node:fs'
import http from 'node:http'
import { createRequire } from 'node:module'
import net from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { graceful, HandoverError } from '@handover/core'
import gracefulExpress from '@handover/express'
import gracefulFastify from '@handover/fastify'
import gracefulKoa from '@handover/koa'
import express from 'express'
import Fastify from 'fastify'
import Koa from 'koa'
import { expect, onTestFinished, test } from 'vitest'
import { evaluate, startProgram } from '../support/program.js'
import { tempDir } from '../support/temp-dir.js'

/** Everything in a process that a valid `graceful` call changes. */
function world() {
  const generation = Reflect.get(globalThis, Symbol.for('@handover/core'))?.generation
  return {
    listen: net.Server.prototype.listen,
    events: process.eventNames().map((name) => [name, process.listenerCount(name)]),
    generation,
    variables: Object.keys(process.env).filter((name) => /^(HANDOVER_INHERITANCE|LISTEN_)/.test(name)),
  }
}

const observersOf = (emitter: NodeJS.EventEmitter) =>
  emitter.eventNames().map((name) => [name, emitter.listenerCount(name)])

/** The error that the call throws. Checks that the call changed nothing. */
async function refusal(call: () => unknown): Promise<HandoverError> {
  const before = world()
  let thrown: unknown
  try {
    await call()
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(HandoverError)
  expect(world()).toEqual(before)
  expect(net.Server.prototype.listen).toBe(before.listen)
  expect(before.generation).toBeUndefined()
  return thrown as HandoverError
}

const wrong = (value: unknown) => value as never
const { resolve } = createRequire(import.meta.url)
const urlOf = (name: string) => pathToFileURL(resolve(name)).href

const remedies = {
  fastify: 'Write await app.register(graceful) with graceful from @handover/fastify.',
  express: 'Write app.use(graceful(app)) with graceful from @handover/express.',
  koa: 'Write app.use(graceful(app)) with graceful from @handover/koa.',
  nest: 'Write graceful(app.getHttpServer()) with graceful from @handover/core.',
  server: 'For a server, use graceful(server) from @handover/core.',
  application:
    'For an application, use @handover/fastify, @handover/express or @handover/koa, or pass its server.',
}
const nest = { listen() {}, getHttpServer() {} }
const other = 'an object of another kind'

/** A value, its description in the error, and what the error tells the user to do. */
type Given = readonly [unknown, string, string]

test('graceful(app) from core names what it received instead of a server, and the package to use', async () => {
  const given: readonly Given[] = [
    [express(), 'an Express application', remedies.express],
    [new Koa(), 'a Koa application', remedies.koa],
    [Fastify(), 'a Fastify instance', remedies.fastify],
    [nest, 'a NestJS application', remedies.nest],
    [(): void => {}, 'the function (anonymous)', remedies.application],
    [new Koa().callback(), 'the function handleRequest', remedies.application],
    [{ listen() {} }, other, remedies.application],
    [null, 'null', remedies.application],
    [3000, '3000', remedies.application],
    ['0.0.0.0', "'0.0.0.0'", remedies.application],
    [[http.createServer()], other, remedies.application],
    [1n, '1n', remedies.application],
    [Symbol('app'), 'Symbol(app)', remedies.application],
  ]
  for (const [value, what, remedy] of given) {
    for (const call of [() => graceful(wrong(value)), () => graceful(wrong(value), {})]) {
      const { code, message } = await refusal(call)
      expect(code).toBe('ERR_HANDOVER_NOT_A_SERVER')
      expect(message).toBe(
        `graceful(server) expects a server of node:net, http, https or http2, but got ${what}. ${remedy} Nothing was changed.`,
      )
    }
  }
  for (const call of [() => graceful(wrong(undefined), {}), () => graceful(wrong({}), {})])
    expect(await refusal(call)).toMatchObject({ code: 'ERR_HANDOVER_NOT_A_SERVER' })
})

const request = new http.IncomingMessage(new net.Socket())
const forEveryAdapter: readonly Given[] = [
  [http.createServer(), 'a server', remedies.server],
  [nest, 'a NestJS application', remedies.nest],
  [null, 'null', remedies.server],
  [(): void => {}, 'the function (anonymous)', remedies.server],
  [{}, other, remedies.server],
  ['app', "'app'", remedies.server],
]

test.each<[string, string, (value: unknown) => unknown, readonly Given[]]>([
  [
    '@handover/express',
    'expects an Express application, but got',
    (value) => gracefulExpress(wrong(value)),
    [
      [new Koa(), 'a Koa application', remedies.koa],
      [Fastify(), 'a Fastify instance', remedies.fastify],
      [undefined, 'no argument', 'Write app.use(graceful(app)).'],
      [request, 'a request', 'Write app.use(graceful(app)), not app.use(graceful).'],
    ],
  ],
  [
    '@handover/koa',
    'expects a Koa application, but got',
    (value) => gracefulKoa(wrong(value)),
    [
      [express(), 'an Express application', remedies.express],
      [Fastify(), 'a Fastify instance', remedies.fastify],
      [undefined, 'no argument', 'Write app.use(graceful(app)).'],
      [{ req: request }, 'a request', 'Write app.use(graceful(app)), not app.use(graceful).'],
    ],
  ],
  [
    '@handover/fastify',
    'is a plugin for app.register, but the program called it with',
    (value) => Reflect.apply(gracefulFastify, undefined, [value]),
    [
      [express(), 'an Express application', remedies.express],
      [new Koa(), 'a Koa application', remedies.koa],
      [Fastify(), 'a Fastify instance', remedies.fastify],
      [undefined, 'no argument', 'Write await app.register(graceful).'],
      [request, 'a request', 'Write await app.register(graceful), not app.use(graceful).'],
    ],
  ],
])('graceful from %s names what it received, and the package to use', async (name, problem, call, own) => {
  for (const [value, what, remedy] of [...own, ...forEveryAdapter]) {
    const { code, message } = await refusal(() => call(value))
    expect(code).toBe('ERR_HANDOVER_NOT_AN_APP')
    expect(message).toBe(`graceful from ${name} ${problem} ${what}. ${remedy} Nothing was changed.`)
  }
})

test.each([
  [
    'core',
    'graceful(server) expects a server of node:net, http, https or http2, but got a Fastify instance.',
  ],
  ['express', 'graceful from @handover/express expects an Express application, but got a Fastify instance.'],
  ['koa', 'graceful from @handover/koa expects a Koa application, but got a Fastify instance.'],
])(
  'app.register(graceful) with graceful from %s ends the program and names @handover/fastify',
  async (name, problem) => {
    const text = `import Fastify from '${urlOf('fastify')}'
    import graceful from '${urlOf(`@handover/${name}`)}'
    const app = Fastify()
    await app.register(graceful, { probationMs: 1 })
    await app.listen({ port: 0, host: '127.0.0.1' })`
    await expect(evaluate(text)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`HandoverError: ${problem} ${remedies.fastify} Nothing was changed.`),
    })
  },
)

const options = { probationMs: -1 }

test.each<[string, (options: object) => unknown]>([
  ['graceful(server)', (options) => graceful(http.createServer(), options)],
  ['graceful()', (options) => graceful(options)],
  ['Express', (options) => gracefulExpress(express(), options)],
  ['Koa', (options) => gracefulKoa(new Koa(), options)],
  ['Fastify', async (options) => void (await Fastify().register(gracefulFastify, options))],
])('%s rejects an invalid option before it changes anything', async (_, call) => {
  expect(await refusal(() => call({ probationMs: -1 }))).toMatchObject({
    code: 'ERR_HANDOVER_OPTION',
    option: 'probationMs',
    value: -1,
  })
  const folder = tempDir()
  const pidFile = join(folder, 'missing', 'app.pid')
  expect(await refusal(() => call({ pidFile }))).toMatchObject({ code: 'ERR_HANDOVER_PID_FILE', pidFile })
  expect(readdirSync(folder)).toEqual([])
})

test('a rejected call leaves the server and the application untouched', async () => {
  const server = http.createServer()
  const app = new Koa()
  const before = { observers: observersOf(server), callback: app.callback, listen: app.listen }
  await refusal(() => graceful(server, options))
  await refusal(() => gracefulKoa(app, options))
  expect({ observers: observersOf(server), callback: app.callback, listen: app.listen }).toEqual(before)
})

test('a second registration with conflicting options is rejected, and the first one still applies', async () => {
  const service = await startProgram(
    `import http from 'node:http'
    const [first, second] = [http.createServer(), http.createServer()]
    const pidFile = config.folder + '/app.pid'
    const handle = graceful(first, { ...config.graceful, pidFile })
    tellOf(handle)
    const before = second.eventNames()
    for (const options of [{ lingerMs: 1, ready: 'manual' }, { pidFile: config.folder + '/other.pid' }, { probationMs: -1 }]) {
      try {
        graceful(second, options)
        tell('taken', options)
      } catch ({ name, code, message, options }) {
        tell('refused', { name, code, message, options })
      }
    }
    tell('same', {
      handle: graceful(first, { lingerMs: config.graceful.lingerMs }) === handle,
      untouched: second.eventNames().join() === before.join(),
    })
    // The rejected registrations do not count: only the first server has to listen.
    first.listen(0, '127.0.0.1')`,
    { config: { folder: tempDir(), graceful: { probationMs: 20, lingerMs: 5 } } },
  )
  const refused = service.facts.filter(({ event }) => event === 'refused')
  expect(refused).toMatchObject([
    {
      name: 'HandoverError',
      code: 'ERR_HANDOVER_OPTIONS_CONFLICT',
      options: ['lingerMs'],
      message: expect.stringMatching(
        /set lingerMs to another value\. .* The values of the first call still apply, and nothing was changed\.$/,
      ),
    },
    { code: 'ERR_HANDOVER_OPTIONS_CONFLICT', options: ['pidFile'] },
    { code: 'ERR_HANDOVER_OPTION' },
  ])
  expect(service.facts.some(({ event }) => event === 'taken')).toBe(false)
  expect(await service.event('same')).toMatchObject({ handle: true, untouched: true })
  expect((await service.reload()).to.generation).toBe(2)
})

test('HANDOVER_OPTIONS that is not JSON is rejected before anything is changed', async () => {
  process.env.HANDOVER_OPTIONS = 'drainTimeoutMs=1'
  onTestFinished(() => void delete process.env.HANDOVER_OPTIONS)
  const { code, message } = await refusal(() => import('@handover/core/register'))
  expect(code).toBe('ERR_HANDOVER_OPTION')
  expect(message).toBe('HANDOVER_OPTIONS is not JSON: drainTimeoutMs=1. Nothing was changed.')
})

test('a valid registration changes the process, and app.close() restores it', async () => {
  const before = world()
  const app = Fastify()
  await app.register(gracefulFastify)
  const { listen, ...after } = world()
  expect(listen).not.toBe(before.listen)
  expect(after).toMatchObject({ generation: expect.anything() })
  await app.close()
  expect(world()).toEqual(before)
})
