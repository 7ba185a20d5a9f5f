import { expect, test } from 'vitest'
import { launchExample, startExample } from '../support/examples.js'
import type { Service } from '../support/service.js'
import type { Fact } from '../support/story.js'

/** Starts the client of the README with a shorter interval. */
function startClient(server: Service): Service {
  const port = 'port' in server.target ? server.target.port : 0
  return launchExample('websocket', 'client.mjs', { PORT: String(port), INTERVAL_MS: '20' })
}

const from = (generation: number) => (fact: Fact) =>
  String(fact.message).includes(` from generation ${generation}, `)

/** Expects that the answers have consecutive numbers without a gap or a repetition. */
function expectNumbered(client: Service): void {
  const numbers = client.facts.flatMap(
    ({ message }) => /^message (\d+) from/.exec(String(message))?.[1] ?? [],
  )
  expect(numbers).toEqual(numbers.map((_, i) => String(i + 1)))
}

test('websocket: clients continue with the next number through three reloads and get a close code at the stop', async () => {
  const server = await startExample('websocket')
  const clients = [startClient(server), startClient(server), startClient(server)]
  await Promise.all(clients.map((client) => client.event(from(1))))
  for (const generation of [2, 3, 4]) {
    const { from: predecessor } = await server.reload()
    await Promise.all(clients.map((client) => client.event(from(generation))))
    await server.exitOf(predecessor.pid)
  }
  for (const client of clients) expectNumbered(client)

  const [leaving, ...others] = clients as [Service, Service, Service]
  leaving.signal('SIGINT', leaving.pid)
  expect(await leaving.exitOf(leaving.pid)).toMatchObject({ code: 0 })

  const { pid } = server.serving
  server.signal('SIGTERM')
  for (const client of others) {
    await client.line(/the server closed the connection: 1012 service restart/)
    expect(await client.exitOf(client.pid)).toMatchObject({ code: 1 })
  }
  await server.exitOf(pid)
  expect(server.processes()).toEqual([])
})
