import { expect, test } from 'vitest'
import { connect } from '../support/socket-io.js'
import { until } from '../support/until.js'
import { socketIoGateway } from './frameworks.js'
import { start, stop } from './reloads.js'

test('clients of Socket.IO gateways of NestJS move under load, with their ids, rooms and data', async () => {
  const service = await start(socketIoGateway)
  const clients = await Promise.all(
    ['/', '/news'].flatMap((nsp) =>
      Array.from({ length: 5 }, () => connect(service, { nsp, auth: { room: 1 } })),
    ),
  )
  const ids = clients.map(({ socket }) => socket.id)
  const count = () =>
    Promise.all(clients.map((client) => client.ask<{ messages: number; pid: number }>('count')))

  let messages = 0
  for (const _reload of [1, 2]) {
    const reloaded = service.reload()
    const isServedBy = async (pid: number) => {
      messages++
      const counts = await count()
      expect(counts.map((each) => each.messages)).toEqual(Array(10).fill(messages))
      return counts.every((each) => each.pid === pid)
    }
    let successor = 0
    void reloaded.then(({ to }) => {
      successor = to.pid
    })
    await until('the successor has all clients', () => isServedBy(successor))
    await service.exitOf((await reloaded).from.pid)
  }

  for (const { socket } of clients) socket.emit('say', 'hello')
  for (const client of clients) await client.has('said', 5)
  expect(clients.map((client) => client.received('said').length)).toEqual(Array(10).fill(5))
  expect(clients.map(({ socket }) => socket.id)).toEqual(ids)
  expect(clients.map(({ changes }) => changes)).toEqual(Array(10).fill(['connect']))
  for (const { socket } of clients) socket.disconnect()
  await stop(service)
})
