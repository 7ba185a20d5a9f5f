/** What the generation that starts a successor learns from it. */
import type { Receipt } from '../protocol/generation-messages.js'
import type { Exit } from './successor-errors.js'

/** What a successor continues: the listeners that it serves, and the kinds of connections that can move to it. */
export interface TakenOver {
  /** By inherited descriptor. */
  readonly listeners: readonly number[]
  /** The listeners with a plain HTTP/1.1 server. */
  readonly http1: readonly number[]
  readonly protocols: readonly string[]
}

export interface SuccessorEvents {
  /** The successor listens on the channel: answer with `greeting`. */
  onHello(): void
  /** A receipt for sent connections. */
  onReceived(receipt: Receipt): void
  /** The successor takes no more connections. When this returns, no more are sent. */
  onNoMore(): void
  /** The successor has ended, or closed the channel: nothing can be sent any more. */
  onGone(): void
  /** The successor requests the end of the drain of that generation: this one, or an earlier one. */
  onEndDrain(generation: number): void
  /** The successor requests the state that this generation hands on. */
  onStateWanted(): void
  /** The successor sent a duplicate of a listener. */
  onDuplicate(listener: number, handle: object): void
  /** This generation no longer needs to stand by. */
  onStoodDown(): void
  /** The successor owned the service and has ended without `stand-down`. */
  onLost(exit: Exit): void
}
