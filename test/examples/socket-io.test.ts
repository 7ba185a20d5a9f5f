import { expect, test } from 'vitest'
import { launchExample, startExample } from '../support/examples.js'
import type { Service } from '../support/service.js'
import type { Fact } from '../support/story.js'

/** Starts the client of the README, which says numbers by itself. */
function startClient(server: Service, name: string, room: string): Service {
  const port = 'port' in server.target ? server.target.port : 0
  return launchExample('socket.io', 'client.mjs', {
    PORT: String(port),
    NAME: name,
    ROOM: room,
    INTERVAL_MS: '20',
  })
}

const by = (generation: number) => (fact: Fact) =>
  String(fact.message).includes(` delivered by generation ${generation}, `)

/** What the client has printed, in order: the first groups of all lines that match. */
const linesOf = (client: Service, pattern: RegExp): string[] =>
  client.facts.flatMap(({ message }) => pattern.exec(String(message))?.slice(1, 2) ?? [])

/** Expects consecutive numbers without a gap or a repetition. */
function expectConsecutive(numbers: readonly string[]): void {
  const first = Number(numbers[0])
  expect(numbers.length).toBeGreaterThan(3)
  expect(numbers).toEqual(numbers.map((_, i) => String(first + i)))
}

test('socket.io: clients stay connected to their rooms through three reloads and miss no message', async () => {
  const server = await startExample('socket.io')
  const [ann, ben, cleo] = [
    startClient(server, 'Ann', 'kitchen'),
    startClient(server, 'Ben', 'kitchen'),
    startClient(server, 'Cleo', 'garden'),
  ] as const
  const clients = [ann, ben, cleo]
  await Promise.all(clients.map((client) => client.event(by(1))))
  for (const generation of [2, 3, 4]) {
    const { from: predecessor } = await server.reload()
    await Promise.all(clients.map((client) => client.event(by(generation))))
    await server.exitOf(predecessor.pid)
  }
  for (const client of clients) {
    expect(linesOf(client, /^(connected as|disconnected)/)).toEqual(['connected as'])
    expectConsecutive(linesOf(client, /^message (\d+) delivered/))
  }
  for (const name of ['Ann', 'Ben']) {
    expectConsecutive(linesOf(ann, new RegExp(`^${name}: (\\d+)$`)))
    expectConsecutive(linesOf(ben, new RegExp(`^${name}: (\\d+)$`)))
    expect(linesOf(cleo, new RegExp(`^(${name})`))).toEqual([])
  }

  ann.signal('SIGINT', ann.pid)
  expect(await ann.exitOf(ann.pid)).toMatchObject({ code: 0 })
  await ben.line(/^Ann has left$/)

  const { pid } = server.serving
  server.signal('SIGTERM')
  await ben.line(/^disconnected: transport close$/)
  await server.exitOf(pid)
  for (const client of [ben, cleo]) {
    client.signal('SIGTERM', client.pid)
    expect(await client.exitOf(client.pid)).toMatchObject({ code: 0 })
  }
  expect(server.processes()).toEqual([])
})
