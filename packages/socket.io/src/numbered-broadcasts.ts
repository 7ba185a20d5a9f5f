/**
 * Exactly once with an adapter for several processes, such as `@socket.io/redis-adapter`. Every process delivers each
 * broadcast to its own clients, but not at the same moment, so a client that moves could miss it or get it twice.
 * Therefore each process numbers its broadcasts, and a moving client carries the last numbers that it has received. The
 * successor keeps recent broadcasts and delivers the missing ones (test/interop/socket-io-redis.test.ts).
 */
import { randomBytes } from 'node:crypto'
import type { Received } from './messages.js'
import { includes } from './perform.js'
import {
  type Acknowledge,
  type Adapter,
  type BroadcastOptions,
  isInMemory,
  type Namespace,
  type Packet,
  type ServerSocket,
} from './socket-io-internals.js'

/** Starts the name of a room without clients that a broadcast excludes: adapters send these rooms to all processes. */
const prefix = 'handover:'
/** The successor keeps a broadcast for this long: more than a broadcast and a moving client take. */
const keptMs = 10_000
/** Numbers of a silent process are kept for longer, so that no kept broadcast counts as missing. */
const rememberedMs = 60_000

type Deliver = (socket: ServerSocket) => void

interface Numbered {
  /** The process and the method that it called: adapters preserve the order only within one method. */
  readonly source: string
  readonly number: number
}

interface Kept extends Numbered {
  readonly options: BroadcastOptions
  readonly deliver: Deliver
  readonly at: number
}

/** The broadcasts of one namespace. */
class History {
  readonly #sent = new Map<string, number>()
  readonly #last = new Map<string, { readonly number: number; readonly at: number }>()
  readonly #kept: Kept[] = []

  /** The number of the next broadcast of this process. */
  next(method: string): number {
    const number = (this.#sent.get(method) ?? 0) + 1
    this.#sent.set(method, number)
    return number
  }

  add(broadcast: Kept, isKept: boolean): void {
    const { source, number, at } = broadcast
    this.#last.set(source, { number, at })
    if (!isKept) return
    this.#kept.push(broadcast)
    const fresh = this.#kept.findIndex((each) => each.at > at - keptMs)
    this.#kept.splice(0, fresh)
  }

  missing(received: Received): Kept[] {
    return this.#kept.filter((broadcast) => !hasReceived(received, broadcast))
  }

  /** The last numbers, and the higher ones of `earlier`. */
  received(earlier: Received = new Map()): Received {
    const now = performance.now()
    const all = new Map(earlier)
    for (const [source, { number, at }] of this.#last) {
      if (now - at > rememberedMs) this.#last.delete(source)
      else all.set(source, Math.max(number, all.get(source) ?? 0))
    }
    return all
  }

  clear(): void {
    this.#kept.length = 0
  }
}

export class NumberedBroadcasts {
  readonly #self = randomBytes(6).toString('base64url')
  readonly #histories = new WeakMap<Namespace, History>()
  /** The histories that keep broadcasts. */
  readonly #keeping = new Set<History>()
  readonly #wrapped = new WeakSet<Adapter>()
  /** By socket: what it had received in the predecessor. */
  readonly #arrived = new WeakMap<ServerSocket, Received>()
  #hasPredecessor = false
  /** Until then, clients that have arrived may get a broadcast for the second time. */
  #repeatsEndAt = 0

  /** Clients will arrive. */
  begin(): void {
    this.#hasPredecessor = true
    this.#repeatsEndAt = Number.POSITIVE_INFINITY
  }

  /** No more clients arrive. */
  end(): void {
    this.#hasPredecessor = false
    this.#repeatsEndAt = performance.now() + keptMs
    for (const history of this.#keeping) history.clear()
    this.#keeping.clear()
  }

  attach(namespace: Namespace): void {
    const { adapter } = namespace
    if (isInMemory(adapter) || typeof adapter.apply !== 'function' || this.#wrapped.has(adapter)) return
    this.#wrapped.add(adapter)
    const history = this.#histories.get(namespace) ?? new History()
    this.#histories.set(namespace, history)
    this.#number(adapter, history)
    this.#observe(adapter, history)
  }

  /** What a client that leaves now has received; `undefined` if nothing is numbered. */
  receivedBy(socket: ServerSocket): Received | undefined {
    return this.#histories.get(socket.nsp)?.received(this.#arrived.get(socket))
  }

  /** The socket belongs to its namespace from now on: it gets what neither process has delivered to it. */
  arrive(socket: ServerSocket, received: Received): void {
    this.#arrived.set(socket, received)
    for (const { options, deliver } of this.#histories.get(socket.nsp)?.missing(received) ?? []) {
      if (includes(options, socket.rooms)) deliver(socket)
    }
  }

  #number(adapter: Adapter, history: History): void {
    const { broadcast, broadcastWithAck, addSockets, delSockets, disconnectSockets } = adapter
    const number = (method: string, options: BroadcastOptions): BroadcastOptions => {
      if (options.flags?.local) return options
      const room = `${prefix}${this.#self}.${method}.${history.next(method)}`
      return { ...options, except: new Set([...(options.except ?? []), room]) }
    }
    Object.assign(adapter, {
      broadcast: (packet: Packet, options: BroadcastOptions) =>
        broadcast.call(adapter, packet, number('broadcast', options)),
      broadcastWithAck: (
        packet: Packet,
        options: BroadcastOptions,
        count: (clients: number) => void,
        ack: Acknowledge,
      ) => broadcastWithAck.call(adapter, packet, number('ack', options), count, ack),
      addSockets: (options: BroadcastOptions, rooms: string[]) =>
        addSockets.call(adapter, number('join', options), rooms),
      delSockets: (options: BroadcastOptions, rooms: string[]) =>
        delSockets.call(adapter, number('leave', options), rooms),
      disconnectSockets: (options: BroadcastOptions, close: boolean) =>
        disconnectSockets.call(adapter, number('disconnect', options), close),
    })
  }

  #observe(adapter: Adapter, history: History): void {
    const { apply, hasRoom } = adapter
    adapter.apply = (options, deliver) => {
      const numbered = read(options)
      const at = performance.now()
      if (numbered) {
        if (this.#hasPredecessor) this.#keeping.add(history)
        history.add({ ...numbered, options, deliver, at }, this.#hasPredecessor)
      }
      const mayRepeat = numbered && at < this.#repeatsEndAt
      const once = (socket: ServerSocket) => {
        if (!hasReceived(this.#arrived.get(socket), numbered as Numbered)) deliver(socket)
      }
      return apply?.call(adapter, options, mayRepeat ? once : deliver)
    }
    // The Redis adapter ignores broadcasts to rooms without a client here. One may be on its way.
    if (hasRoom) adapter.hasRoom = (room) => this.#hasPredecessor || hasRoom.call(adapter, room)
  }
}

const hasReceived = (received: Received | undefined, { source, number }: Numbered): boolean =>
  number <= (received?.get(source) ?? 0)

function read({ except = new Set() }: BroadcastOptions): Numbered | undefined {
  for (const room of except) {
    if (typeof room !== 'string' || !room.startsWith(prefix)) continue
    const at = room.lastIndexOf('.')
    return { source: room.slice(prefix.length, at), number: Number(room.slice(at + 1)) }
  }
  return undefined
}
