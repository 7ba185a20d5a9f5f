// The subscriptions of examples/graphql-yoga, with the client of its README.
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { commandsOf, launchExample, startExample } from '../support/examples.js'
import type { Service } from '../support/service.js'
import type { Fact } from '../support/story.js'
import { until } from '../support/until.js'
import { urlOf } from './messages.js'

const example = 'graphql-yoga'
const env = { INTERVAL_MS: '20' }

function startClient(server: Service): Service {
  const port = 'port' in server.target ? server.target.port : 0
  return launchExample(example, 'client.mjs', { PORT: String(port) })
}

const from = (generation: number) => (fact: Fact) =>
  String(fact.message).endsWith(` from generation ${generation}`)

const ticksOf = (client: Service): number[] =>
  client.facts.flatMap(({ message }) => {
    const [, id] = /^tick (\d+) from/.exec(String(message)) ?? []
    return id === undefined ? [] : [Number(id)]
  })

const connectionsOf = (client: Service): number =>
  client.facts.filter(({ message }) => message === 'connected').length

/** Expects every tick from the first to the last, once and in order. */
function expectEveryTick(client: Service): void {
  const ticks = ticksOf(client)
  expect(ticks).toEqual(ticks.map((_, index) => index + 1))
}

test('the README of the example names the client', () => {
  expect(commandsOf(example).flat()).toContain('node client.mjs')
})

test('subscriptions of graphql-ws continue on the same WebSocket through three reloads and lose no event', async () => {
  const server = await startExample(example, env)
  const clients = [startClient(server), startClient(server), startClient(server)]
  await Promise.all(clients.map((client) => client.event(from(1))))
  for (const generation of [2, 3, 4]) {
    const { from: predecessor } = await server.reload()
    await Promise.all(clients.map((client) => client.event(from(generation))))
    await server.exitOf(predecessor.pid)
  }
  for (const client of clients) {
    expectEveryTick(client)
    expect(connectionsOf(client)).toBe(1)
    client.signal('SIGTERM', client.pid)
    expect(await client.exitOf(client.pid)).toMatchObject({ code: 0 })
  }
})

test('a client that reconnects after 1012 continues with the next event', async () => {
  const server = await startExample(example, {
    ...env,
    NODE_OPTIONS: '--import @handover/core/register',
    HANDOVER_OPTIONS: '{"moveConnections":false}',
  })
  const client = startClient(server)
  await client.event(from(1))
  await server.reload()
  await client.event(from(2))
  expectEveryTick(client)
  expect(connectionsOf(client)).toBe(2)
  client.signal('SIGTERM', client.pid)
  expect(await client.exitOf(client.pid)).toMatchObject({ code: 0 })
})

test('a WebSocket with a query in flight moves after the response', async () => {
  const server = await startExample(example, env)
  const socket = new WebSocket(`${urlOf(server.target)}/graphql`, 'graphql-transport-ws')
  const messages: { type: string; id?: string; payload?: { data: unknown } }[] = []
  socket.on('message', (text) => messages.push(JSON.parse(String(text))))
  await new Promise((open) => socket.once('open', open))
  const send = (message: object) => socket.send(JSON.stringify(message))
  send({ type: 'connection_init' })
  await until('1 messages have arrived', () => messages.length === 1)
  send({ type: 'subscribe', id: 'slow', payload: { query: '{ slow(ms: 5000) { generation } }' } })
  // The response shows that the server has received the message before.
  send({ type: 'ping' })
  await until('2 messages have arrived', () => messages.length === 2)

  const { from, to } = await server.reload()
  await server.exitOf(from.pid)
  send({ type: 'subscribe', id: 'who', payload: { query: '{ who { generation } }' } })
  await until('6 messages have arrived', () => messages.length === 6)
  expect(messages).toEqual([
    { type: 'connection_ack' },
    { type: 'pong' },
    { type: 'next', id: 'slow', payload: { data: { slow: { generation: from.generation } } } },
    { type: 'complete', id: 'slow' },
    { type: 'next', id: 'who', payload: { data: { who: { generation: to.generation } } } },
    { type: 'complete', id: 'who' },
  ])
  socket.close()
})
