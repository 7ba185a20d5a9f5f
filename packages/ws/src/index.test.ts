import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { graceful } from './index.js'
import { probe } from './ws-internals.js'

const hooks = { serialize: () => ({}), restore: () => {} }
const wss = () => new WebSocketServer({ noServer: true })

test.each([
  ['serialize', { serialize: undefined }],
  ['restore', { restore: 'restore' }],
  ['canMove', { canMove: true }],
  ['moved', { moved: 'moved' }],
  ['spreadMs', { spreadMs: -1 }],
  ['spreadMs', { spreadMs: 1.5 }],
  ['spreadMs', { spreadMs: '5000' }],
  ['name', { name: '' }],
  ['name', { name: 7 }],
])('an invalid %s is rejected: %j', (option, wrong) => {
  const options = { ...hooks, ...wrong } as typeof hooks
  expect(() => graceful(wss(), options)).toThrow(
    expect.objectContaining({ code: 'ERR_HANDOVER_OPTION', option }),
  )
})

test.each([
  ['serialise', { serialise: () => ({}), restore: () => {} }, 'serialize'],
  ['spread', { ...hooks, spread: 100 }, 'spreadMs'],
])('the error for the mistyped option %s suggests the right one', (option, wrong, meant) => {
  const options = wrong as unknown as typeof hooks
  expect(() => graceful(wss(), options)).toThrow(
    expect.objectContaining({
      code: 'ERR_HANDOVER_OPTION',
      option,
      message: expect.stringContaining(
        `"${option}" is not an option: did you mean "${meant}"? Nothing was changed.`,
      ),
    }),
  )
})

test('a call without options is rejected', () => {
  const call = graceful as unknown as (server: WebSocketServer) => void
  expect(() => call(wss())).toThrow(
    expect.objectContaining({ code: 'ERR_HANDOVER_OPTION', option: 'serialize' }),
  )
})

test.each([[undefined], [{}], [http.createServer()]])(
  '%s is rejected because it is not a WebSocketServer',
  (nothing) => {
    expect(() => graceful(nothing as unknown as WebSocketServer, hooks)).toThrow(
      expect.objectContaining({ code: 'ERR_HANDOVER_NOT_A_SERVER' }),
    )
  },
)

test('a name is in use until its WebSocketServer closes', async () => {
  const first = wss()
  graceful(first, { ...hooks, name: 'chat' })
  expect(() => graceful(wss(), { ...hooks, name: 'chat' })).toThrow(/"name" must be a name that no other/)
  first.close()
  await once(first, 'close')
  graceful(wss(), { ...hooks, name: 'chat' })
})

test('the check of the ws internals leaves no trace', () => {
  const server = wss()
  server.on('headers', () => expect.unreachable())
  expect(probe(server).missing).toBeUndefined()
  expect(server.clients.size).toBe(0)
})

test.each([
  ['_receiver', '_state', 'the state of the receiver'],
  ['_receiver', '_fragments', 'the fragments of the receiver'],
  ['_sender', '_queue', 'the queue of the sender'],
  ['_sender', '_firstFragment', 'the fragments of the sender'],
])('probing detects a ws without %s.%s', (part, name, missing) => {
  class Foreign extends WebSocket {
    setSocket(...args: unknown[]): void {
      Reflect.apply(Reflect.get(WebSocket.prototype, 'setSocket'), this, args)
      Object.assign((this as unknown as Record<string, object>)[part] ?? {}, { [name]: undefined })
    }
  }
  expect(probe(new WebSocketServer({ noServer: true, WebSocket: Foreign })).missing).toBe(missing)
})

test('probing detects a ws whose servers cannot adopt a connection', () => {
  const server = wss()
  Object.assign(server, { completeUpgrade: undefined })
  expect(probe(server).missing).toMatch(/TypeError/)
})

test('WebSockets work as usual in a process that is never reloaded', async () => {
  const server = http.createServer()
  const ours = new WebSocketServer({ server })
  graceful(ours, hooks)
  ours.on('connection', (socket) => socket.on('message', (data) => socket.send(String(data))))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  await once(client, 'open')
  client.send('hello')
  expect(String((await once(client, 'message'))[0])).toBe('hello')
  client.close()
  await once(client, 'close')
  ours.close()
  server.close()
})
