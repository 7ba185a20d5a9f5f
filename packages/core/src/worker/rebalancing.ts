/**
 * Rebalancing in a worker: when the supervisor orders it, the worker hands open connections to another one, or receives
 * some. The kernel does not spread connections evenly over workers: the worker that wakes first accepts more of them
 * (docs/decisions/0016-workers-rebalance-by-moving.md).
 */
import type net from 'node:net'
import type { Http1Connection } from '../connections/http1.js'
import { isPlainHttp } from '../platform/server-kind.js'
import type { Receipt } from '../protocol/generation-messages.js'
import type { PassedConnection } from '../protocol/supervisor-messages.js'
import { Receipts } from '../succession/receipts.js'
import { OutgoingShare, type OutgoingShareParts } from './outgoing-share.js'
import type { SupervisorParts } from './supervisor-parts.js'

/** How often to report the number of connections to the supervisor while it changes. */
const reportMs = 250

export interface RebalancingParts
  extends Pick<SupervisorParts, 'tracker' | 'incoming' | 'isEnding'>,
    Pick<OutgoingShareParts, 'servers' | 'post'> {
  /** Whether the program allows connections to move. */
  readonly movesConnections: () => boolean
}

type ServedConnection = readonly [Http1Connection, net.Server]

export class Rebalancing {
  readonly #parts: RebalancingParts
  #lastReported: number | undefined
  #isScheduled = false
  #outgoing: OutgoingShare | undefined
  /** The latest share from which this worker received connections. */
  #incoming: { readonly share: number; readonly receipts: Receipts } | undefined

  constructor(parts: RebalancingParts) {
    this.#parts = parts
    parts.tracker.onChange = () => this.#reportSoon()
    this.#reportSoon()
  }

  /** Reports the number of connections now, changed or not. */
  reportNow(): void {
    this.#lastReported = this.#shareable().length
    this.#parts.post({ type: 'shareable', connections: this.#lastReported })
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
    // Those that can move at once come first.
    const isBusy = ([connection]: ServedConnection) => Number(connection.inFlight() > 0)
    const idleFirst = this.#shareable().sort((one, other) => isBusy(one) - isBusy(other))
    this.#outgoing.start(idleFirst.slice(0, most))
  }

  /** Handles a receipt of the other worker. */
  confirm(share: number, receipt: Receipt): void {
    if (this.#outgoing?.id === share) this.#outgoing.mover.confirm(receipt)
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
    this.#outgoing?.mover.stop()
  }

  /** The supervisor has exited: no receipt will arrive any more. */
  abandon(): void {
    this.#outgoing?.mover.abandon()
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

  /** Connections to share; none if a later registration has set `moveConnections: false`. */
  #shareable(): ServedConnection[] {
    const { movesConnections, tracker } = this.#parts
    return movesConnections() ? [...tracker.plain()] : []
  }

  #reportSoon(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setTimeout(() => {
      this.#isScheduled = false
      if (this.#shareable().length !== this.#lastReported) this.reportNow()
    }, reportMs).unref()
  }
}
