/** Data that protocols exchange with the generation before and after this one, in order with the connections that move. */
import type { Logger } from '../base/logger.js'
import { v8 } from '../platform/lazy-modules.js'
import type { PeerMessage } from '../protocol/generation-messages.js'

/** The same protocol in the predecessor or in the successor. */
export interface Peer {
  readonly role: 'predecessor' | 'successor'
  /**
   * `data` is any value that the structured clone algorithm supports; any other value throws. It arrives after all
   * connections that moved before, and before those that move later. Without an effect when the peer has ended.
   */
  send(data: unknown): void
}

/** What a protocol does with its peer. */
export interface PeerListener {
  receive(data: unknown): void
  /** The peer has ended. */
  closed(): void
}

/**
 * Called once for each peer: for the predecessor when the generation starts, and for a successor when its first data
 * arrives. A successor therefore sends first.
 */
export type MeetPeer = (peer: Peer) => PeerListener

/** The peers of all protocols in one other process. */
export class PeerLine {
  readonly #role: Peer['role']
  readonly #post: (message: PeerMessage) => void
  readonly #peers: Peers
  readonly #listeners = new Map<string, PeerListener>()
  #isClosed = false

  constructor(role: Peer['role'], peers: Peers, post: (message: PeerMessage) => void) {
    this.#role = role
    this.#peers = peers
    this.#post = post
  }

  meet(protocol: string): PeerListener | undefined {
    const known = this.#listeners.get(protocol)
    if (known || this.#isClosed) return known
    const listener = this.#peers.meetOf(protocol)?.({
      role: this.#role,
      send: (data) => {
        if (!this.#isClosed) this.#post({ type: 'peer-data', protocol, data: v8().serialize(data) })
      },
    })
    if (listener) this.#listeners.set(protocol, listener)
    return listener
  }

  receive({ protocol, data }: PeerMessage): void {
    try {
      this.meet(protocol)?.receive(v8().deserialize(data))
    } catch (error) {
      this.#peers.logger.error(
        { err: error, protocol },
        `ignoring data from the ${this.#role} (${protocol}): ${error}`,
      )
    }
  }

  close(): void {
    this.#isClosed = true
    for (const listener of this.#listeners.values()) listener.closed()
    this.#listeners.clear()
  }
}

export class Peers {
  readonly logger: Logger
  readonly #meet = new Map<string, MeetPeer>()
  #predecessor: PeerLine | undefined

  constructor(logger: Logger) {
    this.logger = logger
  }

  meetOf(protocol: string): MeetPeer | undefined {
    return this.#meet.get(protocol)
  }

  register(protocol: string, meet: MeetPeer): void {
    this.#meet.set(protocol, meet)
    this.#predecessor?.meet(protocol)
  }

  /** This generation has a predecessor. */
  meetPredecessor(post: (message: PeerMessage) => void): PeerLine {
    const line = new PeerLine('predecessor', this, post)
    this.#predecessor = line
    for (const protocol of this.#meet.keys()) line.meet(protocol)
    return line
  }

  /** This generation has started a successor. */
  meetSuccessor(post: (message: PeerMessage) => void): PeerLine {
    return new PeerLine('successor', this, post)
  }
}
