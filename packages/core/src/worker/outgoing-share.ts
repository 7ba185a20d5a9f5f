/** The connections that this worker hands to another one after an order of the supervisor. */
import type net from 'node:net'
import type { Http1Connection } from '../connections/http1.js'
import type { Tracker } from '../connections/tracker.js'
import { Mover, type MoverParts } from '../transfer/mover.js'
import type { Post } from './supervisor-channel.js'

/** How long busy connections may take to finish their response. */
const shareMs = 1_000

/** A server, and the name by which all workers know its listener. */
type Listening = readonly [net.Server, string]

export interface OutgoingShareParts {
  readonly tracker: Pick<Tracker, 'idle' | 'end' | 'keepHere' | 'decoded'>
  readonly servers: () => readonly Listening[]
  readonly post: Post
}

export class OutgoingShare {
  /** The supervisor's number for this share. */
  readonly id: number
  readonly mover: Mover
  readonly #parts: OutgoingShareParts
  readonly #listening: readonly Listening[]
  readonly #onDone: () => void
  readonly #timer: NodeJS.Timeout
  /** Connections that have neither moved nor stayed yet. */
  #pending = 0

  /** Calls `onDone` when every connection of {@link start} has moved or stays. */
  constructor(id: number, parts: OutgoingShareParts, onDone: () => void) {
    this.id = id
    this.#parts = parts
    this.#listening = parts.servers()
    this.#onDone = onDone
    this.mover = new Mover(this.#moverParts())
    this.#timer = setTimeout(() => this.mover.stop(), shareMs)
  }

  /** Begins to move the connections. Those that cannot move stay. */
  start(connections: readonly (readonly [Http1Connection, net.Server])[]): void {
    // Connections may move or stay at once. The share is done after the last of them.
    this.#pending++
    for (const [connection, server] of connections) if (this.mover.take(connection, server)) this.#pending++
    this.#oneDone()
  }

  #moverParts(): MoverParts {
    const { tracker, post } = this.#parts
    const share = this.id
    return {
      listenerOf: (server) => this.#listenerOf(server),
      protocols: new Set(),
      isDecoded: (connection) => tracker.decoded.has(connection),
      idle: () => new Set(tracker.idle()),
      send: ({ listener, betweenRequests, number, inode }, handle, failed) => {
        const [, held] = this.#listening[listener] as Listening
        const message = { type: 'to-peer', share, held, betweenRequests, number, inode } as const
        post(message, handle, (error) => error && failed())
      },
      requestReceipt: (upTo) => post({ type: 'sent-to-peer', share, upTo }),
      // This worker keeps the connections that the other one cannot accept.
      onShortage: () => this.mover.stop(),
      sendFollowUp() {},
      onMoved: (connection) => this.#end(connection, 'moved'),
      onLost: (connection) => this.#end(connection, 'lost'),
      keep: (connection) => {
        tracker.keepHere(connection)
        this.#oneDone()
      },
      onFailed() {},
    }
  }

  #listenerOf(server: net.Server): number | undefined {
    const listener = this.#listening.findIndex(([each]) => each === server)
    return listener < 0 ? undefined : listener
  }

  #end(connection: Http1Connection, outcome: 'moved' | 'lost'): void {
    this.#parts.tracker.end(connection, outcome)
    this.#oneDone()
  }

  #oneDone(): void {
    if (--this.#pending > 0) return
    clearTimeout(this.#timer)
    this.#onDone()
  }
}
