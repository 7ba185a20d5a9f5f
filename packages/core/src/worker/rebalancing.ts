/**
 * Evening out, seen from a worker: it gives open connections to one beside it when the supervisor says so, and takes
 * theirs. Who accepts a connection is chance, and the one that wakes first wins more often
 * (docs/decisions/0016-workers-even-out-by-moving.md).
 */
import type net from 'node:net'
import type { Http1Connection } from '../connections/http1.js'
import type { Tracker } from '../connections/tracker.js'
import { isPlainHttp } from '../platform/server-kind.js'
import type { Receipt } from '../protocol/generation-messages.js'
import type { FromWorker, PassedConnection } from '../protocol/supervisor-messages.js'
import { Receipts } from '../succession/receipts.js'
import type { Arrivals } from '../transfer/incoming.js'
import { Mover } from '../transfer/mover.js'

/** How often the supervisor hears how many connections there are, while their number changes. */
const tellMs = 250
/** How long those that are busy may take to come to the end of an answer. */
const giveMs = 1_000

export interface SharingParts {
  readonly tracker: Tracker
  readonly arrivals: Arrivals
  readonly isEnding: () => boolean
  /** The program lets connections move. */
  readonly maySendAway: () => boolean
  /** The servers that listen, with the names by which all workers know their listeners. */
  readonly servers: () => readonly (readonly [net.Server, string])[]
  readonly post: (message: FromWorker, handle?: object, done?: (error: Error | null) => void) => void
}

export class Sharing {
  readonly #parts: SharingParts
  #told: number | undefined
  #willTell = false
  #giving: { readonly share: number; readonly mover: Mover } | undefined
  /** The latest share from which this worker took connections. */
  #taking: { readonly share: number; readonly receipts: Receipts } | undefined

  constructor(parts: SharingParts) {
    this.#parts = parts
    parts.tracker.onChange = () => this.#tellSoon()
    this.#tellSoon()
  }

  /** Whoever hangs does not answer, and is given nothing. */
  answer(): void {
    this.#parts.post({ type: 'takes' })
  }

  /** Gives at most so many. `shared` says that nothing more comes. */
  give(share: number, most: number): void {
    const { tracker, servers, post, isEnding } = this.#parts
    if (this.#giving || isEnding()) return
    const listening = servers()
    let open = 0
    const timer = setTimeout(() => mover.stop(), giveMs)
    const settled = () => {
      if (--open > 0) return
      clearTimeout(timer)
      this.#giving = undefined
      post({ type: 'shared' })
    }
    const mover = new Mover({
      listenerOf: (server) => {
        const listener = listening.findIndex(([each]) => each === server)
        return listener < 0 ? undefined : listener
      },
      protocols: new Set(),
      idle: () => new Set(tracker.idle()),
      send({ listener, betweenRequests, number, inode }, handle, failed) {
        const [, held] = listening[listener] as (typeof listening)[number]
        post(
          { type: 'to-peer', share, held, betweenRequests, number, inode },
          handle,
          (error) => error && failed(),
        )
      },
      sent: (upTo) => post({ type: 'sent-to-peer', share, upTo }),
      // This worker keeps the connections that the other one cannot take.
      short: () => mover.stop(),
      sendLate() {},
      moved(connection) {
        tracker.end(connection, 'moved')
        settled()
      },
      lost(connection) {
        tracker.end(connection, 'lost')
        settled()
      },
      keep(connection) {
        tracker.keepHere(connection)
        settled()
      },
      failed() {},
    })
    this.#giving = { share, mover }
    // Held until all have been taken: one that cannot be moved is settled at once.
    open++
    for (const [connection, server] of this.#mayGo().slice(0, most))
      if (mover.take(connection, server)) open++
    settled()
  }

  /** The answer to a connection that was given. */
  onAnswer(share: number, receipt: Receipt): void {
    if (this.#giving?.share === share) this.#giving.mover.confirm(receipt)
  }

  /** Only a server that speaks plain HTTP/1.1 can continue it. */
  take(message: PassedConnection, handle: unknown): void {
    const { arrivals, servers } = this.#parts
    this.#receiptsOf(message.share).take(message, handle, (own) => {
      const [server] = servers().find(([, name]) => name === message.held) ?? []
      if (!isPlainHttp(server)) return false
      arrivals.serve(server, own, message.betweenRequests)
      return true
    })
  }

  /** The giving worker asks which connections have arrived. */
  onSent(share: number, upTo: number): void {
    this.#receiptsOf(share).sent(upTo)
  }

  /** This generation leaves: its connections are its successor's. What was sent already may still be taken. */
  stop(): void {
    this.#giving?.mover.stop()
  }

  /** Nobody is there any more to say what was taken. */
  abandon(): void {
    this.#giving?.mover.abandon()
  }

  #receiptsOf(share: number): Receipts {
    if (this.#taking?.share !== share) {
      const receipts = new Receipts((receipt) => this.#parts.post({ type: 'peer-has', share, ...receipt }))
      this.#taking = { share, receipts }
    }
    return this.#taking.receipts
  }

  /** Those that any worker can go on with, and those first that can go at once. */
  #mayGo(): (readonly [Http1Connection, net.Server])[] {
    const all = this.#shareable()
    const isBusy = ([connection]: (typeof all)[number]) => Number(connection.inFlight() > 0)
    return all.sort((one, other) => isBusy(one) - isBusy(other))
  }

  /** Connections to share; none if a later registration has set `moveConnections: false`. */
  #shareable(): (readonly [Http1Connection, net.Server])[] {
    const { maySendAway, tracker } = this.#parts
    return maySendAway() ? [...tracker.plain()] : []
  }

  #tellSoon(): void {
    if (this.#willTell) return
    this.#willTell = true
    setTimeout(() => {
      this.#willTell = false
      const connections = this.#shareable().length
      if (connections === this.#told) return
      this.#told = connections
      this.#parts.post({ type: 'shareable', connections })
    }, tellMs).unref()
  }
}
