/** The messages of a successor: the handler of each message, and what the successor has reported so far. */
import { inspect } from 'node:util'
import { deferred } from '../base/deferred.js'
import type { ErrorData } from '../base/error-data.js'
import {
  type FromSuccessor,
  type PeerMessage,
  type Receipt,
  readFromSuccessor,
} from '../protocol/generation-messages.js'
import { isData } from '../protocol/message-shapes.js'
import { dispatch, type MessageHandlers } from '../protocol/message-table.js'
import type { Exit } from './successor-errors.js'

/** What a successor continues: the listeners that it serves, and the kinds of connections that can move to it. */
export type TakenOver = Pick<FromSuccessor & { type: 'took-over' }, 'listeners' | 'http1' | 'protocols'>

export interface SuccessorEvents {
  /** The successor listens on the channel: answer with `greeting`. */
  onHello(): void
  onReceived(receipt: Receipt): void
  /** The successor accepts no more connections. When this returns, no more are sent. */
  onNoMore(): void
  /** The successor has ended or closed the channel: nothing can be sent any more. */
  onGone(): void
  /** The successor requests the end of the drain of that generation: this one, or an earlier one. */
  onEndDrain(generation: number): void
  /** Data of a protocol. */
  onPeerData(message: PeerMessage): void
  /** The successor requests the state from this generation. */
  onStateWanted(): void
  /** The successor sent a duplicate of a listener. */
  onDuplicate(listener: number, handle: object): void
  /** This generation no longer needs to stand by. */
  onStoodDown(): void
  /** The successor owned the service and has ended without `stand-down`. */
  onLost(exit: Exit): void
}

/** The handlers that need the channel or the ownership of the service. */
type GivenHandlers = Pick<MessageHandlers<FromSuccessor>, 'stand-down' | 'no-more'>

/** The most foreign messages to report, and the most characters of each. */
const mostForeign = 10
const longestForeign = 100

export class SuccessorMessages {
  readonly ready = deferred()
  readonly canTakeOver = deferred()
  readonly tookOver = deferred<TakenOver>()
  /** Resolves when the successor has read all messages, or never will. */
  readonly allRead = deferred()
  /** Messages of the program on the channel, shortened. */
  readonly foreign: string[] = []
  /** Whether the successor has sent `ready`. */
  isReady = false
  /** The open connections of the successor, as last reported on probation. */
  openConnections = 0
  /** The error that the successor reported before it exited. */
  reportedError: ErrorData | undefined
  readonly #handlers: MessageHandlers<FromSuccessor>

  constructor(events: SuccessorEvents, given: GivenHandlers) {
    this.#handlers = {
      ...given,
      hello: () => events.onHello(),
      ready: () => {
        this.isReady = true
        this.ready.resolve()
      },
      duplicate: ({ listener }, handle) => {
        if (typeof handle === 'object' && handle !== null) events.onDuplicate(listener, handle)
      },
      'can-take-over': () => this.canTakeOver.resolve(),
      'took-over': (message) => this.tookOver.resolve(message),
      received: (message) => events.onReceived(message),
      heard: () => this.allRead.resolve(),
      failed: ({ error }) => {
        // The first error counts: it explains an address in use better than Node's uncaught error, which follows.
        this.reportedError ??= error
      },
      'state-wanted': () => events.onStateWanted(),
      open: ({ connections }) => {
        this.openConnections = connections
      },
      'end-drain': ({ generation }) => events.onEndDrain(generation),
      'peer-data': (message) => events.onPeerData(message),
    }
  }

  /** Errors: `ERR_HANDOVER_WIRE_VERSION`. */
  take(raw: unknown, handle: unknown): void {
    const message = readFromSuccessor(raw)
    if (message) dispatch(message, this.#handlers, handle)
    else if (this.foreign.length < mostForeign) this.foreign.push(formatForeign(raw))
  }
}

function formatForeign(raw: unknown): string {
  const text = isData(raw)
    ? (JSON.stringify(raw) ?? 'undefined')
    : inspect(raw, { depth: 1, breakLength: Number.POSITIVE_INFINITY })
  return text.slice(0, longestForeign)
}
