// Socket.IO in a program without @handover/socket.io: tests what docs/guides/websockets.md says about it.
import type { TcpTarget } from '@handover/load'
import { io, type Socket } from 'socket.io-client'
import { expect, onTestFinished, test } from 'vitest'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import { until } from '../support/until.js'

const start = (end: string, graceful: object = {}) =>
  startService('socket-io.mjs', { config: { end, graceful: { probationMs: 50, ...graceful } } })

/** Connects a client with these transports; `told` records its connect and disconnect events. */
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
  socket.on('disconnect', (reason) => told.push(`disconnect: ${reason}, will reconnect: ${socket.active}`))
  await until('the client is connected', () => socket.connected)
  return { socket, told }
}

const who = (socket: Socket): Promise<number> => socket.timeout(20_000).emitWithAck('who')

test.each([[['websocket']], [['polling']]])(
  'a Socket.IO client with %s reconnects to the successor when the program closes the engine',
  async (transports) => {
    const service = await start('engine.close')
    const { socket, told } = await connected(service, transports)
    expect(await who(socket)).toBe(1)
    await service.reload()
    await until('the client has reconnected', () => socket.connected && told.length === 3)
    expect(await who(socket)).toBe(2)
    expect(told).toEqual([
      'connect',
      expect.stringMatching(/^disconnect: .*, will reconnect: true$/),
      'connect',
    ])
    expect((await finalReports(service, 1))[0]?.drain).toMatchObject({ cut: [], timedOut: false })
  },
)

test('a Socket.IO client does not reconnect after disconnectSockets', async () => {
  const service = await start('disconnectSockets')
  const { told } = await connected(service, ['websocket'])
  await service.reload()
  await until('the client is disconnected', () => told.length === 2)
  expect(told[1]).toBe('disconnect: io server disconnect, will reconnect: false')
})

test('the predecessor serves a Socket.IO client that the program does not close until the limit', async () => {
  const service = await start('not at all', { drainTimeoutMs: 6_000 })
  const { socket, told } = await connected(service, ['websocket'])
  await service.reload()
  expect(await who(socket)).toBe(1)
  const [report] = await finalReports(service, 1)
  expect(report?.drain.cut).toMatchObject([{ kind: 'upgraded' }])
  await until('the client was cut and has reconnected', () => told.length === 3)
  expect(await who(socket)).toBe(2)
})
