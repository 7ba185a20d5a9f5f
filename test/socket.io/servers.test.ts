// Socket.IO servers in this process: those that close, and one that already listens.
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import graceful from '@handover/socket.io'
import { Server } from 'socket.io'
import { io as connect } from 'socket.io-client'
import { expect, onTestFinished, test } from 'vitest'

const logger = { info: () => {}, warn: () => {}, error: () => {} }

test('a program can register and close many Socket.IO servers', async () => {
  const warnings: string[] = []
  const onWarning = ({ message }: Error) => warnings.push(message)
  process.on('warning', onWarning)
  onTestFinished(() => void process.off('warning', onWarning))
  for (let i = 0; i < 15; i++) {
    const server = http.createServer()
    const io = new Server(server)
    graceful(io, { exit: false, logger })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    await io.close()
  }
  await turn()
  expect(warnings).toEqual([])
})

test('a Socket.IO server that already listens closes its clients at a shutdown', async () => {
  const server = http.createServer()
  const io = new Server(server)
  server.listen(0)
  const handle = graceful(io, { exit: false, logger })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect(`http://127.0.0.1:${port}`, { transports: ['websocket'], reconnection: false })
  await new Promise((resolve) => client.once('connect', () => resolve(undefined)))
  const disconnected = new Promise((resolve) => client.once('disconnect', resolve))
  const reported = new Promise((resolve) => handle.on('report', resolve))
  await handle.shutdown()
  expect(await disconnected).toBe('transport close')
  expect(await reported).toMatchObject({ drain: { cut: [], timedOut: false } })
})
