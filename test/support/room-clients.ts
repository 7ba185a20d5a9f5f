// Clients of test/fixtures/socket-io-rooms.mjs, with the real client of Socket.IO. They never reconnect.
import { isDeepStrictEqual } from 'node:util'
import type { TcpTarget } from '@handover/load'
import { expect, onTestFinished } from 'vitest'
import { RoomMember } from './room-member.js'
import type { Service, ServiceOptions } from './service.js'
import type { Fact } from './story.js'
import { until } from './until.js'

/** How many rooms each namespace has. */
export const roomCount = 20
const rooms = Array.from({ length: roomCount }, (_, n) => `room-${n}`)

export interface RoomsConfig {
  /** The interval of numbered events, per socket and direction. */
  readonly everyMs?: number
  /** The interval of broadcasts to each room and to each namespace. */
  readonly newsMs?: number
  /** How many broadcasts to each room and namespace a process sends right before it exits. */
  readonly lastNews?: number
  /** Whether the predecessor emits events to sockets that have moved. */
  readonly late?: boolean
  readonly rooms?: readonly string[]
  readonly release?: string
  /** How long a middleware of engine.io takes, also when a client arrives from the predecessor. */
  readonly middlewareMs?: number
  /** Options of the Socket.IO server. */
  readonly io?: object
}

/** The configuration of the service. */
export const inRooms = (config: RoomsConfig = {}, graceful: object = {}): ServiceOptions => ({
  config: { rooms, ...config, graceful: { probationMs: 50, ...graceful } },
})

/** Connects clients to three namespaces, one of them dynamic, over one WebSocket each. */
export async function openMembers(
  service: Service,
  clients: number,
  namespaces: readonly string[] = ['/', '/chat', '/dynamic-1'],
): Promise<RoomMember[]> {
  const { port } = service.target as TcpTarget
  const url = `http://127.0.0.1:${port}`
  const members: RoomMember[] = []
  onTestFinished(() => {
    for (const member of members) member.leave()
  })
  for (let n = 0; n < clients; n++) {
    members.push(...RoomMember.connect(url, `client-${n}`, rooms[n % roomCount] as string, namespaces))
    // A few at a time, so that the accept queue does not overflow.
    if (n % 50 === 49) await connected(members)
  }
  await connected(members)
  return members
}

const connected = (members: readonly RoomMember[]) =>
  until('all clients are connected', () => members.every(({ socket }) => socket.connected))

/** Lets both sides of all members send until {@link expectIntact}. */
export async function startTalking(members: readonly RoomMember[], everyMs = 0): Promise<void> {
  await Promise.all(members.map((member) => member.start(everyMs)))
}

/**
 * Expects that the members have noticed nothing: no `disconnect` on either side, no event lost, doubled, out of order
 * or garbled, and the same id, rooms and data. `generations`: those that have sent broadcasts.
 */
export async function expectIntact(
  service: Service,
  members: readonly RoomMember[],
  { generations }: { readonly generations: readonly number[] },
): Promise<void> {
  await Promise.all(members.map((member) => member.conclude()))
  expectNoFaults(service, members)
  await expectAllNews(service, members, generations)
  expect(members.flatMap(({ disconnects }) => disconnects)).toEqual([])
  expect(named(service, 'disconnected')).toEqual([])
  // Socket.IO has recovered every socket that moved.
  expect(named(service, 'connected')).toHaveLength(members.length)
}

/** The numbers of the first `count` generations. */
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1)

/** Expects that no event was doubled, out of order or garbled. A member that is still connected has lost none. */
export function expectNoFaults(service: Service, members: readonly RoomMember[]): void {
  expect(members.flatMap(({ faults }) => faults)).toEqual([])
  expect(named(service, 'fault')).toEqual([])
}

/** Each generation that has drained said how many events it had sent. */
async function expectAllNews(
  service: Service,
  members: readonly RoomMember[],
  generations: readonly number[],
): Promise<void> {
  const concluded = () => named(service, 'concluded')
  const missing = () => members.flatMap((member) => concluded().flatMap((fact) => member.missing(fact)))
  const latesHeard = () =>
    concluded().map(({ pid }) => members.reduce((sum, member) => sum + member.latesFrom(pid), 0))
  const latesSent = () => concluded().map(({ lates }) => lates)
  const haveAll = () =>
    missing().length === 0 &&
    members.every(({ senders }) => senders.length >= generations.length) &&
    isDeepStrictEqual(latesHeard(), latesSent())
  await until('all broadcasts and late events have arrived', haveAll).catch(() => {})
  expect(missing()).toEqual([])
  expect(latesHeard(), 'late events').toEqual(latesSent())
  for (const { name, senders } of members) expect(senders, `senders to ${name}`).toEqual(generations)
}

const named = (service: Service, name: string): Fact[] => service.facts.filter(({ event }) => event === name)
