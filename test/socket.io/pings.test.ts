// Both sides detect a dead connection by pings, whose timers must fit after a move.
import type { TcpTarget } from '@handover/load'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type Service, startService } from '../support/service.js'
import { Control, connect, movingSocketIo } from '../support/socket-io.js'
import { until } from '../support/until.js'

const start = (io: object, later: object = {}) =>
  startService('moving-socket-io.mjs', movingSocketIo({ io, later, namespaces: ['/'] }))

const tickMs = 25

/** Counts timer ticks instead of reading the clock: time in which the test does not run does not count. */
const runningTime = (() => {
  let ticks = 0
  setInterval(() => ticks++, tickMs).unref()
  return () => ticks * tickMs
})()

/** A client of engine.io without Socket.IO, which records the times of the pings. */
class Pinged {
  readonly websocket: WebSocket
  readonly pings: number[] = []
  answers: boolean
  closed = false

  constructor({ target }: Service, answers = true) {
    this.answers = answers
    this.websocket = new WebSocket(
      `ws://127.0.0.1:${(target as TcpTarget).port}/socket.io/?EIO=4&transport=websocket`,
    )
    this.websocket.on('message', (data) => this.#hear(String(data)))
    this.websocket.on('close', () => {
      this.closed = true
    })
  }

  #hear(text: string): void {
    if (text.startsWith('0')) this.websocket.send('40')
    if (text !== '2') return
    this.pings.push(runningTime())
    if (this.answers) this.websocket.send('3')
  }
}

test('the pings of a moved client keep their rhythm, so the client does not time out', async () => {
  const pingInterval = 3_000
  const service = await start({ pingInterval, pingTimeout: 20_000 })
  const clients = [await connect(service)]
  const pinged = [new Pinged(service)]
  // The reloads meet the clients at different times since their last ping.
  for (let n = 0; n < 5; n++) {
    await until('the client is open', () => pinged.at(-1)?.websocket.readyState === WebSocket.OPEN)
    const openedAt = performance.now()
    await until('half a second has passed', () => performance.now() - openedAt > 500)
    clients.push(await connect(service))
    pinged.push(new Pinged(service))
  }
  for (let generation = 2; generation <= 3; generation++) {
    await service.reload()
    for (const client of clients) await client.servedBy(generation)
  }
  const counts = pinged.map(({ pings }) => pings.length)
  await until('each client has two pings of the last generation', () =>
    pinged.every(({ pings }, n) => pings.length >= (counts[n] ?? 0) + 2),
  )
  expect(clients.map(({ changes }) => changes)).toEqual(clients.map(() => ['connect']))
  for (const { pings, websocket } of pinged) {
    const gaps = pings.slice(1).map((at, n) => at - (pings[n] ?? 0))
    expect(Math.max(...gaps)).toBeLessThan(pingInterval + 2_000)
    websocket.close()
  }
})

test('the successor closes a client that does not answer its pings', async () => {
  const service = await start({ pingInterval: 300, pingTimeout: 8_000 })
  const client = new Pinged(service, false)
  const other = new Pinged(service)
  // The predecessor pings; the successor waits for the answer.
  await until('the client was pinged', () => client.pings.length >= 1)
  await service.reload()
  const { generation, reason } = await service.event('disconnect')
  expect({ generation, reason }).toEqual({ generation: 2, reason: 'ping timeout' })
  await until('the client is closed', () => client.closed)
  expect(other.closed).toBe(false)
  other.websocket.close()
})

test('the successor closes a client that stops answering after it has moved', async () => {
  const service = await start({ pingInterval: 300, pingTimeout: 5_000 })
  const client = new Pinged(service)
  await until('the client was pinged', () => client.pings.length >= 1)
  await service.reload()
  await service.event(({ event, generation }) => event === 'connection' && generation === 2)
  client.answers = false
  const { generation, reason } = await service.event('disconnect')
  expect({ generation, reason }).toEqual({ generation: 2, reason: 'ping timeout' })
})

test('a moved client keeps the ping times of its handshake when the next release has longer ones', async () => {
  const service = await start(
    { pingInterval: 800, pingTimeout: 15_000 },
    { pingInterval: 60_000, pingTimeout: 60_000 },
  )
  const client = await connect(service)
  const pinged = new Pinged(service)
  await until('the client was pinged', () => pinged.pings.length >= 1)
  await service.reload()
  await client.servedBy(2)
  const { length } = pinged.pings
  await until('the successor pings', () => pinged.pings.length >= length + 2)
  expect(client.changes).toEqual(['connect'])
  pinged.websocket.close()
})

test('a generation that still drains neither pings nor closes a client that has moved through it', async () => {
  const service = await start({ pingInterval: 1_500, pingTimeout: 5_000 })
  const client = new Pinged(service)
  await until('the client was pinged', () => client.pings.length >= 1)
  await service.reload()
  await service.event(({ event, generation }) => event === 'connection' && generation === 2)
  const draining = await Control.open(service)
  await service.reload()
  await service.event(({ event, generation }) => event === 'connection' && generation === 3)
  const { length } = client.pings
  await until('the client has more pings', () => client.closed || client.pings.length >= length + 5)
  expect(client.closed).toBe(false)
  expect(service.facts.filter(({ event }) => event === 'disconnect')).toEqual([])
  draining.end()
  client.websocket.close()
})
