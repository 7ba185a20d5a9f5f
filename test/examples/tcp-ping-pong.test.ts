import { expect, test } from 'vitest'
import { launchExample, startExample } from '../support/examples.js'
import type { Service } from '../support/service.js'
import type { Fact } from '../support/story.js'

/** Starts the client of the README with a shorter interval. */
function startClient(server: Service): Service {
  const port = 'port' in server.target ? server.target.port : 0
  return launchExample('tcp-ping-pong', 'client.mjs', { PORT: String(port), INTERVAL_MS: '20' })
}

/** Waits until the client has received `count` more answers, all from this generation. */
async function pongs(client: Service, generation: number, count: number): Promise<void> {
  const isPong = ({ message }: Fact) => String(message).startsWith('pong')
  for (let afterIndex = client.lastIndex, n = 0; n < count; n++) {
    const pong = await client.event(isPong, { afterIndex })
    expect(pong.message).toContain(`pong from generation ${generation}, `)
    afterIndex = pong.index
  }
}

const logged = (beginning: string) => (fact: Fact) => String(fact.message).startsWith(beginning)

/** Sends SIGINT to the client and returns how it exited. */
async function leave(client: Service): Promise<unknown> {
  client.signal('SIGINT', client.pid)
  return client.exitOf(client.pid)
}

test('tcp-ping-pong: through a reload clients stay connected to the predecessor until they disconnect', async () => {
  const server = await startExample('tcp-ping-pong')
  const clients = [startClient(server), startClient(server), startClient(server)]
  await Promise.all(clients.map((client) => pongs(client, 1, 3)))

  const { from, to } = await server.reload()
  await Promise.all(clients.map((client) => pongs(client, 1, 20)))
  const late = startClient(server)
  await pongs(late, 2, 3)

  for (const client of clients.splice(0, 2)) expect(await leave(client)).toMatchObject({ code: 0 })
  await server.event(logged('draining: 1 connection open'), { afterIndex: server.lastIndex })
  for (const client of clients) await pongs(client, 1, 3)
  expect(server.processes()).toContain(from.pid)

  for (const client of clients) expect(await leave(client)).toMatchObject({ code: 0 })
  expect(await server.exitOf(from.pid)).toMatchObject({ code: 0 })
  await pongs(late, 2, 3)

  expect(await leave(late)).toMatchObject({ code: 0 })
  server.signal('SIGTERM', to.pid)
  await server.exitOf(to.pid)
})

test('tcp-ping-pong: after SIGTERM the server logs a drain timeout and exits with 1', async () => {
  const server = await startExample('tcp-ping-pong', { DRAIN_TIMEOUT_MS: '4000' })
  const clients = [startClient(server), startClient(server)]
  await Promise.all(clients.map((client) => pongs(client, 1, 3)))

  server.signal('SIGTERM')
  await server.event(logged('SIGTERM: shutting down'))
  await Promise.all(clients.map((client) => pongs(client, 1, 3)))
  const { message } = await server.event(logged('drain timed out'))
  expect(message).toMatch(
    /^drain timed out: 2 connections cut: (a connection from \S+ \(raw, \d+ ms\)(, )?){2}$/,
  )
  expect(await server.exitOf(server.pid)).toMatchObject({ code: 1 })
  for (const client of clients) {
    await client.event(logged('the server closed the connection'))
    expect(await client.exitOf(client.pid)).toMatchObject({ code: 1 })
  }
})

test('tcp-ping-pong: after SIGTERM a server without clients exits with 0 immediately', async () => {
  const server = await startExample('tcp-ping-pong')
  const client = startClient(server)
  await pongs(client, 1, 1)
  await leave(client)
  server.signal('SIGTERM')
  expect(await server.exitOf(server.pid, 15_000)).toMatchObject({ code: 0 })
  expect(server.output).not.toContain('drain timed out')
})
