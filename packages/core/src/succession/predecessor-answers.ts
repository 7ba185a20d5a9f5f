/** The answers that a successor awaits from its predecessor. Each arrives once, or never if the channel closes first. */
import { deferred } from '../base/deferred.js'
import { HandoverError } from '../base/errors.js'
import type { TlsSessions } from '../protocol/inheritance.js'

type TlsSessionsByListener = readonly (readonly [number, TlsSessions])[]

/** Keeps the process running while it is referenced, as a handle of Node does. */
interface Referenced {
  ref(): void
  unref(): void
}

export class PredecessorAnswers {
  /** The answer to `hello`. */
  readonly greeting = deferred<TlsSessionsByListener>()
  /** The answer to `state-wanted`. */
  readonly state = deferred<unknown>()
  /** The answer to `no-more`. */
  readonly noMore = deferred()
  readonly #channel: () => Referenced | null | undefined
  #pending = 0

  constructor(channel: () => Referenced | null | undefined) {
    this.#channel = channel
    // A program that does not ask for the state must not crash because there is none.
    this.state.promise.catch(() => {})
  }

  /** Keeps the process running until `answer` settles, even if the program has nothing else to do. */
  stayUntil(answer: Promise<unknown>): void {
    const channel = this.#channel()
    if (this.#pending++ === 0) channel?.ref()
    const settled = () => {
      if (--this.#pending === 0) channel?.unref()
    }
    answer.then(settled, settled)
  }

  /** No more messages will arrive from predecessor `pid`. */
  end(pid: number): void {
    this.state.reject(
      new HandoverError(
        'ERR_HANDOVER_STATE',
        `Predecessor ${pid} ended, or closed the channel, before it handed over its state.`,
        { pid },
      ),
    )
    this.greeting.resolve([])
    this.noMore.resolve()
  }
}
