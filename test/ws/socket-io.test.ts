// Other servers of WebSockets bring their own close: what docs/guides/websockets.md says of Socket.IO.
import type { TcpTarget } from '@handover/load'
import { io, type Socket } from 'socket.io-client'
import { expect, onTestFinished, test } from 'vitest'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import { until } from '../support/until.js'

const start = (end: string, graceful: object = {}) =>
  startService('socket-io.mjs', { config: { end, graceful: { probationMs: 50, ...graceful } } })

/** A client that is connected, by the transports that are named; what became of its connection is told in order. */
async function connected(
  service: Service,
  transports: string[],
): Promise<{ socket: Socket; told: string[] }> {
  const { port } = service.target as TcpTarget
  const socket = io(`http://127.0.0.1:${port}`, {
    transports,
    reconnectionDelay: 10,
    reconnectionDelayMax: 20,
  })
  onTestFinished(() => void socket.disconnect())
  const told: string[] = []
  socket.on('connect', () => told.push('connect'))
  socket.on('disconnect', (reason) => told.push(`disconnect: ${reason}, will return: ${socket.active}`))
  await until('it is connected', () => socket.connected)
  return { socket, told }
}

const who = (socket: Socket): Promise<number> => socket.timeout(20_000).emitWithAck('who')

test.each([[['websocket']], [['polling']]])(
  'a client of Socket.IO by %s comes back to the successor by itself when the program closes the engine',
  async (transports) => {
    const service = await start('engine.close')
    const { socket, told } = await connected(service, transports)
    expect(await who(socket)).toBe(1)
    await service.reload()
    await until('it has come back', () => socket.connected && told.length === 3)
    expect(await who(socket)).toBe(2)
    expect(told).toEqual(['connect', expect.stringMatching(/^disconnect: .*, will return: true$/), 'connect'])
    expect((await finalReports(service, 1))[0]?.drain).toMatchObject({ cut: [], timedOut: false })
  },
)

test('after disconnectSockets a client of Socket.IO does not come back', async () => {
  const service = await start('disconnectSockets')
  const { told } = await connected(service, ['websocket'])
  await service.reload()
  await until('it is told', () => told.length === 2)
  expect(told[1]).toBe('disconnect: io server disconnect, will return: false')
})

test('a client of Socket.IO that nobody ends is served by the predecessor until the limit', async () => {
  const service = await start('not at all', { drainTimeoutMs: 4_000 })
  const { socket, told } = await connected(service, ['websocket'])
  await service.reload()
  expect(await who(socket)).toBe(1)
  const [report] = await finalReports(service, 1)
  expect(report?.drain.cut).toMatchObject([{ kind: 'upgraded' }])
  await until('it was cut, and has come back', () => told.length === 3)
  expect(await who(socket)).toBe(2)
})
