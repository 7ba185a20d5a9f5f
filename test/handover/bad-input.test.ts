import { readdirSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { join } from 'node:path'
import { graceful, HandoverError } from '@handover/core'
import gracefulExpress from '@handover/express'
import gracefulFastify from '@handover/fastify'
import gracefulKoa from '@handover/koa'
import express from 'express'
import Fastify from 'fastify'
import Koa from 'koa'
import { expect, onTestFinished, test } from 'vitest'
import { startProgram } from '../support/program.js'
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

test('graceful(app) from core reports what it received instead of a server, and which package to use', async () => {
  const server = http.createServer()
  const given: readonly [unknown, string][] = [
    [express(), 'an Express application'],
    [new Koa(), 'a Koa application'],
    [Fastify(), 'a Fastify instance'],
    [(): void => {}, 'the function (anonymous)'],
    [new Koa().callback(), 'the function handleRequest'],
    [{ listen() {} }, 'an object that is not a server'],
    [null, 'null'],
    [3000, '3000'],
    ['0.0.0.0', "'0.0.0.0'"],
    [[server], 'an object that is not a server'],
    [1n, '1n'],
    [Symbol('app'), 'Symbol(app)'],
  ]
  for (const [value, what] of given) {
    for (const call of [() => graceful(wrong(value)), () => graceful(wrong(value), {})]) {
      const { code, message } = await refusal(call)
      expect(code).toBe('ERR_HANDOVER_NOT_A_SERVER')
      expect(message).toContain(`and got ${what}.`)
      expect(message).toMatch(
        /use @handover\/fastify, @handover\/express or @handover\/koa, or pass its server\. Nothing was changed\.$/,
      )
    }
  }
  for (const call of [() => graceful(wrong(undefined), {}), () => graceful(wrong({}), {})])
    expect(await refusal(call)).toMatchObject({ code: 'ERR_HANDOVER_NOT_A_SERVER' })
})

test.each([
  ['Express', (value: unknown) => gracefulExpress(wrong(value)), new Koa()],
  ['Koa', (value: unknown) => gracefulKoa(wrong(value)), express()],
])('graceful(server) from the %s adapter points to graceful(server) from core', async (name, call, other) => {
  for (const value of [http.createServer(), other, Fastify(), null, undefined, () => {}, {}, 'app']) {
    const { code, message } = await refusal(() => call(value))
    expect(code).toBe('ERR_HANDOVER_NOT_AN_APP')
    expect(message).toContain(`@handover/${name.toLowerCase()} wants a`)
    expect(message).toContain('For a server use graceful(server) of @handover/core. Nothing was changed.')
  }
})

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
