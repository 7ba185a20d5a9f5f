import http from 'node:http'
import { Server } from 'socket.io'
import { afterEach, expect, test } from 'vitest'
import { type GracefulSocketIoOptions, graceful } from './index.js'

const servers: http.Server[] = []

function socketIo(path = '/socket.io'): Server {
  const server = http.createServer()
  servers.push(server)
  return new Server(server, { path })
}

afterEach(() => {
  for (const server of servers.splice(0)) server.emit('close')
})

const withoutSignals = { reloadSignals: [], shutdownSignals: [] } satisfies GracefulSocketIoOptions

test.each([
  ['skipMiddlewares', { skipMiddlewares: 'no' }],
  ['ackTimeoutMs', { ackTimeoutMs: -1 }],
  ['ackTimeoutMs', { ackTimeoutMs: '5000' }],
  ['spreadMs', { spreadMs: 1.5 }],
  ['spreadMs', { spreadMs: 2 ** 31 }],
  ['name', { name: '' }],
  ['name', { name: 7 }],
  ['moved', { moved: true }],
  ['drainTimeoutMs', { drainTimeoutMs: 'long' }],
])('an invalid %s is rejected: %j', (option, wrong) => {
  const io = socketIo()
  expect(() => graceful(io, wrong as unknown as GracefulSocketIoOptions)).toThrow(
    expect.objectContaining({
      code: 'ERR_HANDOVER_OPTION',
      option,
      message: expect.stringContaining('Nothing was changed.'),
    }),
  )
})

test.each([
  ['skipMiddleware', { skipMiddleware: false }, 'skipMiddlewares'],
  ['ackTimeout', { ackTimeout: 100 }, 'ackTimeoutMs'],
  ['drainTimeout', { drainTimeout: 100 }, 'drainTimeoutMs'],
])('the error for the mistyped option %s suggests the right one', (option, wrong, meant) => {
  expect(() => graceful(socketIo(), wrong as GracefulSocketIoOptions)).toThrow(
    expect.objectContaining({
      code: 'ERR_HANDOVER_OPTION',
      option,
      message: expect.stringContaining(`"${option}" is not an option: did you mean "${meant}"?`),
    }),
  )
})

test.each([
  ['nothing', undefined],
  ['an object', {}],
  ['an HTTP server', http.createServer()],
  ['a Server of Socket.IO without an HTTP server', new Server()],
])('%s is rejected because it is not a Server of Socket.IO that has an HTTP server', (_, wrong) => {
  expect(() => graceful(wrong as unknown as Server)).toThrow(
    expect.objectContaining({
      code: 'ERR_HANDOVER_NOT_A_SERVER',
      message: expect.stringMatching(/call it after new Server\(server\) or io\.attach\(server\)/),
    }),
  )
})

test('two servers of one process cannot have the same name', () => {
  graceful(socketIo(), { ...withoutSignals, name: 'chat' })
  expect(() => graceful(socketIo('/other'), { name: 'chat' })).toThrow(
    expect.objectContaining({ code: 'ERR_HANDOVER_OPTION', option: 'name', value: 'chat' }),
  )
})

test('a call for the same server returns the same handle, and changes neither the engine nor a namespace', () => {
  const io = socketIo()
  const handle = graceful(io, withoutSignals)
  const { generateId } = io.engine
  const { adapter } = io.sockets
  const { broadcast } = adapter
  expect(graceful(io, withoutSignals)).toBe(handle)
  expect([io.engine.generateId, adapter.broadcast]).toEqual([generateId, broadcast])
})

test('a call that fails leaves the server as it was', () => {
  const io = socketIo()
  const before = [io.engine.generateId, io.sockets.adapter.broadcast, io.engine.listenerCount('connection')]
  expect(() => graceful(io, { spreadMs: -1 })).toThrow('spreadMs')
  expect([io.engine.generateId, io.sockets.adapter.broadcast, io.engine.listenerCount('connection')]).toEqual(
    before,
  )
})
