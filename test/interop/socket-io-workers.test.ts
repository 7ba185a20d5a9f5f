// Socket.IO with several workers, which share one address.
import { expect, test } from 'vitest'
import { startRedis } from '../support/redis.js'
import { launchRun, type RunOptions, rollWorkers, startRun } from '../support/supervised.js'
import { connectTickClients, expectEveryTick, tickClient } from '../support/ticks.js'
import { until } from '../support/until.js'

const workers = 2
const run = ['--workers', `${workers}`]

const startWorkers = async (config: RunOptions['config']) =>
  startRun('socket-io-redis.mjs', {
    run,
    config: { adapter: 'redis', redis: await startRedis(), graceful: { probationMs: 50 }, ...config },
  })

test('on WebSocket alone, clients of two workers get each broadcast of both once, and move at every reload', async () => {
  const service = await startWorkers({ rate: 100 })
  const clients = await connectTickClients(service, 30)
  const sources = async (count: number) =>
    until(`every client gets broadcasts of ${count} processes`, () =>
      clients.every(({ ticks }) => ticks.size >= count),
    )
  await sources(2)
  const pids = () => Promise.all(clients.map(async ({ socket }) => (await socket.emitWithAck('who')).pid))
  expect(new Set(await pids()).size).toBe(2)

  for (const reload of [1, 2]) {
    const replaced = await pids()
    await rollWorkers(service, workers)
    for (const pid of new Set(replaced)) await service.exitOf(pid)
    await sources(2 * (reload + 1))
  }
  await expectEveryTick(clients)
  expect(clients.flatMap(({ troubles }) => troubles)).toEqual([])
})

test('without sticky sessions, polling clients of two workers lose their sessions', async () => {
  const service = await startWorkers({ io: { transports: ['polling', 'websocket'] } })
  const clients = Array.from({ length: 5 }, () => tickClient(service, 0, { transports: ['polling'] }))
  // The worker without the session refuses the client's next request, whichever of the two it is.
  const refused = (trouble: string) => /^xhr (poll|post) error$/.test(trouble)
  await until('the other worker refuses a request', () =>
    clients.some(({ troubles }) => troubles.some(refused)),
  )
})

test('@socket.io/cluster-adapter fails at the start, because workers are not workers of node:cluster', async () => {
  const service = launchRun('socket-io-redis.mjs', { run, config: { adapter: 'cluster' } })
  await service.line(
    /worker \d+ exited with code 1 before it was ready: TypeError: process.send is not a function/,
  )
})
