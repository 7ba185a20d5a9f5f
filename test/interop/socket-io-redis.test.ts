// Socket.IO with adapters for several processes, on a real Redis.
import { expect, test } from 'vitest'
import { startRedis } from '../support/redis.js'
import { type Service, startService } from '../support/service.js'
import { connectTickClients, expectEveryTick, type TickClient, tickClient } from '../support/ticks.js'
import { until } from '../support/until.js'

const graceful = { probationMs: 50 }
const rooms = 4

async function reloadTimes(service: Service, reloads: number): Promise<void> {
  for (let n = 0; n < reloads; n++) {
    const { from } = await service.reload()
    await service.exitOf(from.pid)
  }
}

test.each(['redis', 'ioredis', 'sharded', 'streams'])(
  'with the adapter "%s", moving clients get each broadcast of any process once',
  async (adapter) => {
    const common = { adapter, redis: await startRedis(), rate: 200, graceful }
    const service = await startService('socket-io-redis.mjs', {
      config: { ...common, name: 'service', rooms },
    })
    await startService('socket-io-redis.mjs', { config: { ...common, name: 'everyone' } })
    await startService('socket-io-redis.mjs', { config: { ...common, name: 'rooms', rooms } })
    const clients = await connectTickClients(service, 40, { rooms })
    await until('every client gets broadcasts of all services', () =>
      clients.every(({ ticks }) => ticks.size === 3),
    )
    await reloadTimes(service, 3)
    await until('every client gets broadcasts of all generations', () =>
      clients.every(({ ticks }) => ticks.size === 6),
    )
    await expectEveryTick(clients)
    expect(clients.flatMap(({ troubles }) => troubles)).toEqual([])
  },
)

test('after a reload, all clients acknowledge a broadcast through Redis', async () => {
  const config = { adapter: 'redis', redis: await startRedis(), graceful }
  const service = await startService('socket-io-redis.mjs', { config })
  const other = await startService('socket-io-redis.mjs', { config })
  const clients = await connectTickClients(service, 5)
  const others = await connectTickClients(other, 1)
  for (const { socket } of [...clients, ...others]) socket.on('asked', (answer) => answer('here'))
  await reloadTimes(service, 1)
  for (const { socket } of [...clients, ...others]) expect(await socket.emitWithAck('ask')).toBe(6)
})

test.each(['redis', 'sharded', 'streams'])(
  'with the adapter "%s", moving clients miss no socketsJoin of another process',
  async (adapter) => {
    const config = { adapter, redis: await startRedis(), graceful }
    const service = await startService('socket-io-redis.mjs', { config })
    await startService('socket-io-redis.mjs', { config: { ...config, joins: true } })
    const clients = await connectTickClients(service, 40)
    await reloadTimes(service, 2)
    const joined = async ({ socket }: TickClient) => {
      const { rooms }: { rooms: string[] } = await socket.emitWithAck('who')
      return rooms.flatMap((room) => (room.startsWith('joined ') ? [Number(room.slice(7))] : []))
    }
    for (const client of clients) {
      const rooms = await joined(client)
      const [first = 0] = rooms
      expect(rooms).toEqual(rooms.map((_, n) => first + n))
    }
  },
)

test('with redis-streams-adapter, a client that is offline during a reload recovers what it missed', async () => {
  const redis = await startRedis()
  const config = {
    adapter: 'streams',
    redis,
    graceful,
    rooms: 1,
    rate: 50,
    io: { connectionStateRecovery: {} },
  }
  const service = await startService('socket-io-redis.mjs', { config: { ...config, name: 'service' } })
  await startService('socket-io-redis.mjs', { config: { ...config, name: 'other' } })
  const client = tickClient(service, 0, { reconnectionDelay: 1, randomizationFactor: 0 })
  const { socket, ticks } = client
  await until('broadcasts of both services arrive', () => ticks.size === 2)
  // The client moves first, so its session and its offset come from two processes.
  await reloadTimes(service, 1)
  await until('broadcasts of the successor arrive', () => ticks.size === 3)
  const { id } = socket

  socket.io.reconnection(false)
  socket.io.engine.close()
  await until('the client is offline', () => !socket.connected)
  await reloadTimes(service, 1)
  socket.io.reconnection(true)
  socket.connect()
  await until('the client is online', () => socket.connected)

  expect(socket).toMatchObject({ id, recovered: true })
  await until('broadcasts of the last generation arrive', () => ticks.size === 4)
  await expectEveryTick([client])
})
