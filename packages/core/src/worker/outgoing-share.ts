/** The connections that this worker hands to another one at a single order of the supervisor. */
import type net from 'node:net'
import type { Http1Connection } from '../connections/http1.js'
import type { Tracker } from '../connections/tracker.js'
import type { ConnectionMessage, Receipt } from '../protocol/generation-messages.js'
import type { FromWorker } from '../protocol/supervisor-messages.js'
import { Mover, type MoverParts } from '../transfer/mover.js'

/** How long busy connections may take to finish their response. */
const shareMs = 1_000

/** A server, and the name by which all workers know its listener. */
type Listening = readonly [net.Server, string]

export interface OutgoingShareParts {
  readonly tracker: Pick<Tracker, 'idle' | 'end' | 'keepHere'>
  readonly servers: () => readonly Listening[]
  readonly post: (message: FromWorker, handle?: object, done?: (error: Error | null) => void) => void
}

export class OutgoingShare {
  /** The supervisor's number of this share. */
  readonly id: number
  readonly #parts: OutgoingShareParts
  readonly #listening: readonly Listening[]
  readonly #mover: Mover
  readonly #onSettled: () => void
  readonly #timer: NodeJS.Timeout
  /** Connections that have neither moved nor stayed yet. */
  #pending = 0

  /** Calls `onSettled` when every connection of {@link start} has moved or stays. */
  constructor(id: number, parts: OutgoingShareParts, onSettled: () => void) {
    this.id = id
    this.#parts = parts
    this.#listening = parts.servers()
    this.#onSettled = onSettled
    this.#mover = new Mover(this.#moverParts())
    this.#timer = setTimeout(() => this.stop(), shareMs)
  }

  /** Begins to move the connections. Those that cannot move stay. */
  start(connections: readonly (readonly [Http1Connection, net.Server])[]): void {
    // Connections may settle at once. The share itself settles after the last of them.
    this.#pending++
    for (const [connection, server] of connections) if (this.#mover.take(connection, server)) this.#pending++
    this.#settled()
  }

  /** Handles a receipt for connections that were sent. */
  confirm(receipt: Receipt): void {
    this.#mover.confirm(receipt)
  }

  /** Sends nothing more. The other worker may still confirm connections in transit. */
  stop(): void {
    this.#mover.stop()
  }

  /** No receipt will arrive any more. */
  abandon(): void {
    this.#mover.abandon()
  }

  #moverParts(): MoverParts {
    const { tracker, post } = this.#parts
    const share = this.id
    return {
      listenerOf: (server) => this.#listenerOf(server),
      protocols: new Set(),
      idle: () => new Set(tracker.idle()),
      send: (message, handle, failed) => this.#send(message, handle, failed),
      sent: (upTo) => post({ type: 'sent-to-peer', share, upTo }),
      // This worker keeps the connections that the other one cannot take.
      short: () => this.stop(),
      sendFollowUp() {},
      moved: (connection) => this.#ended(connection, 'moved'),
      lost: (connection) => this.#ended(connection, 'lost'),
      keep: (connection) => {
        tracker.keepHere(connection)
        this.#settled()
      },
      failed() {},
    }
  }

  #listenerOf(server: net.Server): number | undefined {
    const listener = this.#listening.findIndex(([each]) => each === server)
    return listener < 0 ? undefined : listener
  }

  #send(
    { listener, betweenRequests, number, inode }: ConnectionMessage,
    handle: object,
    failed: () => void,
  ): void {
    const [, held] = this.#listening[listener] as Listening
    this.#parts.post(
      { type: 'to-peer', share: this.id, held, betweenRequests, number, inode },
      handle,
      (error) => error && failed(),
    )
  }

  #ended(connection: Http1Connection, outcome: 'moved' | 'lost'): void {
    this.#parts.tracker.end(connection, outcome)
    this.#settled()
  }

  #settled(): void {
    if (--this.#pending > 0) return
    clearTimeout(this.#timer)
    this.#onSettled()
  }
}
