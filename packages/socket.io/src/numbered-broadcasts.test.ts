import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { NumberedBroadcasts } from './numbered-broadcasts.js'
import type { BroadcastOptions, Namespace, ServerSocket } from './socket-io-internals.js'

interface Client {
  readonly rooms: Set<string>
  readonly received: unknown[]
}

class BaseAdapter extends EventEmitter {
  readonly clients = new Set<Client>()

  apply(_options: BroadcastOptions, handle: (client: Client) => void): void {
    for (const client of this.clients) handle(client)
  }

  broadcast(packet: unknown, options: BroadcastOptions): void {
    this.apply(options, ({ received }) => received.push(packet))
  }

  serverCount(): number {
    return 1
  }
}

/** Broadcasts reach the other process in `transit`, and are delivered there later. */
class ClusterAdapter extends BaseAdapter {
  readonly transit: [unknown, BroadcastOptions][] = []

  override broadcast(packet: unknown, options: BroadcastOptions): void {
    this.transit.push([packet, options])
    super.broadcast(packet, options)
  }

  override serverCount(): number {
    return 2
  }

  deliver(from: ClusterAdapter): void {
    for (const [packet, options] of from.transit.splice(0)) super.broadcast(packet, options)
  }
}

function startProcess() {
  const adapter = new ClusterAdapter()
  const namespace = { name: '/', adapter } as unknown as Namespace
  const numbered = new NumberedBroadcasts()
  numbered.attach(namespace)
  const emit = (text: string) => adapter.broadcast(text, { rooms: new Set() })
  return { adapter, namespace, numbered, emit }
}

type Process = ReturnType<typeof startProcess>

function move(client: Client, from: Process, to: Process): void {
  const socketIn = ({ namespace }: Process) =>
    Object.assign(client, { nsp: namespace }) as unknown as ServerSocket
  const received = from.numbered.receivedBy(socketIn(from)) ?? new Map()
  from.adapter.clients.delete(client)
  to.adapter.clients.add(client)
  to.numbered.arrive(socketIn(to), received)
}

const start = () => {
  const [predecessor, successor] = [startProcess(), startProcess()]
  successor.numbered.begin()
  const client: Client = { rooms: new Set(), received: [] }
  predecessor.adapter.clients.add(client)
  return { predecessor, successor, client }
}

test('a moving client gets a broadcast that only the successor had delivered', () => {
  const { predecessor, successor, client } = start()
  successor.emit('early')
  move(client, predecessor, successor)
  predecessor.adapter.deliver(successor.adapter)
  successor.emit('later')
  expect(client.received).toEqual(['early', 'later'])
})

test('a moving client gets a broadcast that the predecessor had delivered only once', () => {
  const { predecessor, successor, client } = start()
  predecessor.emit('early')
  move(client, predecessor, successor)
  successor.adapter.deliver(predecessor.adapter)
  predecessor.emit('later')
  successor.adapter.deliver(predecessor.adapter)
  expect(client.received).toEqual(['early', 'later'])
})

test('a broadcast that excludes a room of the moving client does not reach it', () => {
  const { predecessor, successor, client } = start()
  client.rooms.add('muted')
  successor.adapter.broadcast('early', { rooms: new Set(), except: new Set(['muted']) })
  move(client, predecessor, successor)
  expect(client.received).toEqual([])
})

test('a client that moves again keeps the numbers that it brought', () => {
  const { predecessor, successor, client } = start()
  const third = startProcess()
  third.numbered.begin()
  predecessor.emit('early')
  move(client, predecessor, successor)
  move(client, successor, third)
  third.adapter.deliver(predecessor.adapter)
  expect(client.received).toEqual(['early'])
})
