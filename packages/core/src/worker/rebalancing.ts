/**
 * Rebalancing in a worker: at an order of the supervisor it hands open connections to another worker, and receives
 * theirs. Which worker accepts a connection is chance, and the one that wakes first wins more often
 * (docs/decisions/0016-workers-rebalance-by-moving.md).
 */
import type net from 'node:net'
import type { Http1Connection } from '../connections/http1.js'
import type { Tracker } from '../connections/tracker.js'
import { isPlainHttp } from '../platform/server-kind.js'
import type { Receipt } from '../protocol/generation-messages.js'
import type { PassedConnection } from '../protocol/supervisor-messages.js'
import { Receipts } from '../succession/receipts.js'
import type { IncomingConnections } from '../transfer/incoming.js'
import { OutgoingShare, type OutgoingShareParts } from './outgoing-share.js'

/** How often to report the number of connections to the supervisor, while it changes. */
const reportMs = 250

export interface RebalancingParts extends OutgoingShareParts {
  readonly tracker: Tracker
  readonly incoming: IncomingConnections
  readonly isEnding: () => boolean
  /** Whether the program allows connections to move. */
  readonly maySendAway: () => boolean
}

export class Rebalancing {
  readonly #parts: RebalancingParts
  #lastReported: number | undefined
  #willReport = false
  #outgoing: OutgoingShare | undefined
  /** The latest share from which this worker received connections. */
  #incoming: { readonly share: number; readonly receipts: Receipts } | undefined

  constructor(parts: RebalancingParts) {
    this.#parts = parts
    parts.tracker.onChange = () => this.#reportSoon()
    this.#reportSoon()
  }

  /** Answers that this worker can receive connections. A worker with a blocked event loop does not answer, and gets none. */
  answer(): void {
    this.#parts.post({ type: 'can-accept' })
  }

  /** Hands at most `most` connections to another worker, and then reports the end of the share. */
  send(share: number, most: number): void {
    const { isEnding, post } = this.#parts
    if (this.#outgoing || isEnding()) return
    this.#outgoing = new OutgoingShare(share, this.#parts, () => {
      this.#outgoing = undefined
      post({ type: 'shared' })
    })
    this.#outgoing.start(this.#mostMovable().slice(0, most))
  }

  /** Handles a receipt of the other worker. */
  confirm(share: number, receipt: Receipt): void {
    if (this.#outgoing?.id === share) this.#outgoing.confirm(receipt)
  }

  /** Receives a connection of another worker. Only a plain HTTP/1.1 server can continue it. */
  receive(message: PassedConnection, handle: unknown): void {
    const { incoming, servers } = this.#parts
    this.#receiptsOf(message.share).take(message, handle, (own) => {
      const [server] = servers().find(([, name]) => name === message.held) ?? []
      if (!isPlainHttp(server)) return false
      incoming.serve(server, own, message.betweenRequests)
      return true
    })
  }

  /** The sending worker asks which connections have arrived. */
  onSent(share: number, upTo: number): void {
    this.#receiptsOf(share).sent(upTo)
  }

  /** This generation drains: its connections move to its successor. The other worker may still confirm some. */
  stop(): void {
    this.#outgoing?.stop()
  }

  /** The supervisor has gone: no receipt will arrive any more. */
  abandon(): void {
    this.#outgoing?.abandon()
  }

  #receiptsOf(share: number): Receipts {
    if (this.#incoming?.share !== share) {
      const receipts = new Receipts((receipt) =>
        this.#parts.post({ type: 'peer-accepted', share, ...receipt }),
      )
      this.#incoming = { share, receipts }
    }
    return this.#incoming.receipts
  }

  /** Connections to share. Those that can move at once come first. */
  #mostMovable(): (readonly [Http1Connection, net.Server])[] {
    const all = this.#shareable()
    const isBusy = ([connection]: (typeof all)[number]) => Number(connection.inFlight() > 0)
    return all.sort((one, other) => isBusy(one) - isBusy(other))
  }

  /** Connections to share; none if a later registration has set `moveConnections: false`. */
  #shareable(): (readonly [Http1Connection, net.Server])[] {
    const { maySendAway, tracker } = this.#parts
    return maySendAway() ? [...tracker.plain()] : []
  }

  #reportSoon(): void {
    if (this.#willReport) return
    this.#willReport = true
    setTimeout(() => {
      this.#willReport = false
      const connections = this.#shareable().length
      if (connections === this.#lastReported) return
      this.#lastReported = connections
      this.#parts.post({ type: 'shareable', connections })
    }, reportMs).unref()
  }
}
