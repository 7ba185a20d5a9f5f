/** The messages of a successor: what it has reported so far, and the handler of each message. */
import { deferred } from '../base/deferred.js'
import type { ErrorData } from '../base/error-data.js'
import { type FromSuccessor, readFromSuccessor } from '../protocol/generation-messages.js'
import { dispatch, type MessageHandlers } from '../protocol/message-table.js'
import type { SuccessorEvents, TakenOver } from './successor-events.js'
import { ForeignMessages } from './unknown-messages.js'

/** The reactions that need the channel or the ownership of the service. */
interface Reactions {
  standDown(): void
  /** Answers `no-more`. */
  sendNoMore(): void
}

export class SuccessorMessages {
  readonly ready = deferred()
  readonly canTakeOver = deferred()
  readonly tookOver = deferred<TakenOver>()
  /** Resolves when the successor has read all messages, or never will. */
  readonly heard = deferred()
  /** Messages on the channel that are not of Handover. */
  readonly foreign = new ForeignMessages()
  isReady = false
  /** The open connections of the successor, as last reported in its probation. */
  openConnections = 0
  /** The error that the successor reported before it exited. */
  reportedError: ErrorData | undefined
  readonly #events: SuccessorEvents
  readonly #reactions: Reactions
  readonly #handlers: MessageHandlers<FromSuccessor> = {
    hello: () => this.#events.onHello(),
    ready: () => this.#onReady(),
    duplicate: ({ listener }, handle) => this.#onDuplicate(listener, handle),
    'stand-down': () => this.#reactions.standDown(),
    'can-take-over': () => this.canTakeOver.resolve(),
    'took-over': (message) => this.tookOver.resolve(message),
    received: (message) => this.#events.onReceived(message),
    'no-more': () => this.#reactions.sendNoMore(),
    heard: () => this.heard.resolve(),
    failed: ({ error }) => {
      // The first error counts: it says more about an address in use than the uncaught error of Node that follows.
      this.reportedError ??= error
    },
    'state-wanted': () => this.#events.onStateWanted(),
    open: ({ connections }) => {
      this.openConnections = connections
    },
    'end-drain': ({ generation }) => this.#events.onEndDrain(generation),
  }

  constructor(events: SuccessorEvents, reactions: Reactions) {
    this.#events = events
    this.#reactions = reactions
  }

  /** Errors: `ERR_HANDOVER_WIRE_VERSION`. */
  take(raw: unknown, handle: unknown): void {
    const message = readFromSuccessor(raw)
    if (message) dispatch(message, this.#handlers, handle)
    else this.foreign.keep(raw)
  }

  #onReady(): void {
    this.isReady = true
    this.ready.resolve()
  }

  #onDuplicate(listener: number, handle: unknown): void {
    if (typeof handle === 'object' && handle !== null) this.#events.onDuplicate(listener, handle)
  }
}
