// Clients of the numbered broadcasts of test/fixtures/socket-io-redis.mjs.
import type { TcpTarget } from '@handover/load'
import { Manager, type ManagerOptions, type Socket } from 'socket.io-client'
import { expect, onTestFinished } from 'vitest'
import type { Service } from './service.js'
import { until } from './until.js'

export interface TickClient {
  readonly socket: Socket
  readonly room: number
  /** The numbers that arrived, in order, by source. */
  readonly ticks: ReadonlyMap<string, readonly number[]>
  /** Every `disconnect` and `connect_error`. */
  readonly troubles: readonly string[]
}

/** Connects clients with a connection each. They share `rooms` rooms. */
export async function connectTickClients(
  service: Service,
  count: number,
  { rooms = 1, ...options }: Partial<ManagerOptions> & { rooms?: number } = {},
): Promise<TickClient[]> {
  const clients = Array.from({ length: count }, (_, n) => tickClient(service, n % rooms, options))
  await until('all clients are connected', () => clients.every(({ socket }) => socket.connected))
  return clients
}

export function tickClient(
  service: Service,
  room: number,
  options: Partial<ManagerOptions> = {},
): TickClient {
  const { port } = service.target as TcpTarget
  const manager = new Manager(`http://127.0.0.1:${port}`, { transports: ['websocket'], ...options })
  const socket = manager.socket('/', { auth: { room } })
  const ticks = new Map<string, number[]>()
  const troubles: string[] = []
  socket.on('tick', (source: string, number: number) => {
    ticks.set(source, [...(ticks.get(source) ?? []), number])
  })
  socket.on('disconnect', (reason) => troubles.push(reason))
  socket.on('connect_error', ({ message }) => troubles.push(message))
  onTestFinished(() => {
    socket.disconnect()
  })
  return { socket, room, ticks, troubles }
}

/** Expects that each client gets every broadcast so far that concerns it, once and in the order of its sender. */
export async function expectEveryTick(clients: readonly TickClient[]): Promise<void> {
  for (const source of new Set(clients.flatMap(({ ticks }) => [...ticks.keys()]))) {
    const [, room] = /, room (\d+)$/.exec(source) ?? []
    const concerned = clients.filter((client) => room === undefined || client.room === Number(room))
    const received = () => concerned.map(({ ticks }) => ticks.get(source) ?? [])
    const last = Math.max(...received().map((numbers) => numbers.at(-1) ?? 0))
    await until(`every client has broadcast ${last} of ${source}`, () =>
      received().every((numbers) => numbers.includes(last)),
    )
    // Clients connect one after the other.
    const first = Math.max(...received().map(([number = 0]) => number))
    const expected = Array.from({ length: last - first + 1 }, (_, n) => first + n)
    for (const numbers of received()) {
      const compared = numbers.slice(numbers.indexOf(first), numbers.lastIndexOf(last) + 1)
      expect(compared, source).toEqual(expected)
    }
  }
}
