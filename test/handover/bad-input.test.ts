// What is wrong with the call, the options or the environment is said by `graceful` itself, with a code, before
// anything was changed (docs/errors.md).
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { coreUrl, evaluate } from '../support/program.js'

const { resolve } = createRequire(import.meta.url)
const url = (name: string) => pathToFileURL(resolve(name)).href

/** What `graceful` throws, with what it has changed by then: nothing, if it is right. */
function thrownBy(call: string, { before = '', from = coreUrl } = {}): Promise<unknown> {
  return evaluate(`
    import http from 'node:http'
    import net from 'node:net'
    const trace = () => [net.Server.prototype.listen, ...process.eventNames().filter((name) => /^SIG/.test(name))]
    const server = http.createServer()
    const untouched = trace()
    ${before}
    const { graceful } = await import('${from}')
    let thrown
    try {
      ${call}
    } catch (error) {
      thrown = { ...error, name: error.name, message: error.message }
    }
    const changed = trace().some((each, i) => each !== untouched[i])
    console.log(JSON.stringify({ ...thrown, changed }))
    process.exit()`)
}

const refused = (code: string, facts: object = {}) => ({
  name: 'HandoverError',
  code,
  changed: false,
  ...facts,
})

test('what is right is taken, and changes something', async () => {
  expect(await thrownBy('graceful(server)')).toEqual({ changed: true })
})

describe('options', () => {
  // Every wrong value of every option: packages/core/src/options.test.ts.
  test.each([
    ['drainTimeoutMs', `{ drainTimeoutMs: '1000' }`],
    ['drainTimeout', '{ drainTimeout: 1000 }'],
    ['options', '5'],
  ])('%s is wrong in %s', async (option, options) => {
    expect(await thrownBy(`graceful(server, ${options})`)).toMatchObject(
      refused('ERR_HANDOVER_OPTION', { option }),
    )
  })

  test('a PID file in a folder that is missing', async () => {
    expect(await thrownBy(`graceful(server, { pidFile: '/no/such/folder/pid' })`)).toMatchObject(
      refused('ERR_HANDOVER_PID_FILE', { pidFile: '/no/such/folder/pid' }),
    )
  })

  test('for a program that does not know of them, what is no JSON', async () => {
    const before = `process.env.HANDOVER_OPTIONS = 'drainTimeoutMs=1'`
    expect(await thrownBy(`await import('${url('@handover/core/register')}')`, { before })).toMatchObject(
      refused('ERR_HANDOVER_OPTION'),
    )
  })

  test('a second call that says otherwise is refused, and one that says the same or less is not', async () => {
    const before = `
      const { graceful: first } = await import('${coreUrl}')
      const handle = first(server, { drainTimeoutMs: 1000, reloadSignals: ['SIGUSR2'] })
      const same = first(http.createServer(), { reloadSignals: ['SIGUSR2'] }) === handle
      if (!same || first(http.createServer()) !== handle) throw new Error('another handle')
      untouched.splice(0, Infinity, ...trace())`
    expect(
      await thrownBy(`graceful(http.createServer(), { drainTimeoutMs: 2000, reloadSignals: [] })`, {
        before,
      }),
    ).toMatchObject(
      refused('ERR_HANDOVER_OPTIONS_CONFLICT', { options: ['drainTimeoutMs', 'reloadSignals'] }),
    )
  })
})

describe('what is no server, or no application', () => {
  const express = `(await import('${url('express')}')).default()`
  const koa = `new (await import('${url('koa')}')).default()`
  const fastify = `(await import('${url('fastify')}')).default()`

  test.each([
    ['null', 'null', 'null'],
    ['a text', `'server'`, '"server"'],
    ['a function', 'function handle() {}', 'the function handle'],
    ['nothing, but options', 'undefined, {}', 'undefined'],
    ['an Express application', express, 'an Express application'],
    ['a Koa application', koa, 'a Koa application'],
    ['a Fastify instance', fastify, 'a Fastify instance'],
  ])('core is given %s', async (_, argument, called) => {
    const thrown = await thrownBy(`graceful(${argument})`)
    expect(thrown).toMatchObject(refused('ERR_HANDOVER_NOT_A_SERVER'))
    expect(thrown).toHaveProperty('message', expect.stringContaining(`was given ${called}.`))
  })

  test.each([
    ['@handover/express', 'a server', 'server'],
    ['@handover/express', 'a Koa application', koa],
    ['@handover/express', 'nothing', ''],
    ['@handover/koa', 'a server', 'server'],
    ['@handover/koa', 'an Express application', express],
    ['@handover/koa', 'nothing', ''],
  ])('%s is given %s', async (name, _, argument) => {
    expect(await thrownBy(`graceful(${argument})`, { from: url(name) })).toMatchObject(
      refused('ERR_HANDOVER_NOT_AN_APP'),
    )
  })

  test('a server that listens already', async () => {
    const before = `server.listen(0); await new Promise((resolve) => server.once('listening', resolve))`
    expect(await thrownBy('graceful(server)', { before })).toMatchObject(
      refused('ERR_HANDOVER_ALREADY_LISTENING'),
    )
  })
})

describe('the variable of the handover', () => {
  const inheritance = { version: 1, predecessor: 0, generation: 2, signals: [], listeners: [] }
  const given = (text: string) => ({ before: `process.env.HANDOVER_INHERITANCE = ${text}` })

  test.each([`'nonsense'`, `'[]'`, `JSON.stringify(${JSON.stringify({ ...inheritance, generation: 'x' })})`])(
    'is malformed: %s',
    async (text) => {
      expect(await thrownBy('graceful(server)', given(text))).toMatchObject({
        name: 'HandoverError',
        code: expect.stringMatching(/^ERR_HANDOVER_(INHERITANCE_MALFORMED|WIRE_VERSION)$/),
        changed: false,
      })
    },
  )

  test.each([
    ['a process that is not the parent', 'process.pid'],
    ['a process that is gone, without a channel', '2 ** 30'],
  ])('is for a child of %s', async (_, predecessor) => {
    const text = `JSON.stringify({ ...${JSON.stringify(inheritance)}, predecessor: ${predecessor} })`
    const thrown = await thrownBy('graceful(server)', given(text))
    expect(thrown).toMatchObject(refused('ERR_HANDOVER_INHERITANCE_FOREIGN', { ppid: process.pid }))
  })

  test('sockets from systemd: a count that is none', async () => {
    const before = `Object.assign(process.env, { LISTEN_PID: String(process.pid), LISTEN_FDS: 'two' })`
    expect(await thrownBy('graceful(server)', { before })).toMatchObject(
      refused('ERR_HANDOVER_INHERITANCE_MALFORMED'),
    )
  })
})

test('an address in use: ready() rejects in our words, and the error of the server stays that of Node', async () => {
  const told = await evaluate(`
    import net from 'node:net'
    import { once } from 'node:events'
    import { graceful } from '${coreUrl}'
    const other = net.createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address()
    const server = net.createServer()
    const handle = graceful(server, { logger: false })
    const ofServer = once(server, 'error')
    const ofHandle = handle.ready().catch((error) => error)
    server.listen(port, '127.0.0.1')
    const [[{ code }], error] = await Promise.all([ofServer, ofHandle])
    console.log(JSON.stringify({ code, ours: error.code, cause: error.cause?.code, same: error.port === port }))
    process.exit()`)
  expect(told).toEqual({
    code: 'EADDRINUSE',
    ours: 'ERR_HANDOVER_ADDRESS_IN_USE',
    cause: 'EADDRINUSE',
    same: true,
  })
})
