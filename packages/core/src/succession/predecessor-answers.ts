/** The answers that a successor awaits from its predecessor. Each arrives at most once. */
import { deferred } from '../base/deferred.js'
import { HandoverError } from '../base/errors.js'
import type { TlsSessions } from '../protocol/inheritance.js'

export type TlsSessionsByListener = readonly (readonly [number, TlsSessions])[]

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
    // A missing state must not crash a program that does not use it.
    this.state.promise.catch(() => {})
  }

  /** Keeps the process running until `answer` settles, even if the program has nothing else to do. */
  stayUntil(answer: Promise<unknown>): void {
    const channel = this.#channel()
    if (this.#pending++ === 0) channel?.ref()
    const release = () => {
      if (--this.#pending === 0) channel?.unref()
    }
    answer.then(release, release)
  }

  /** Predecessor `pid` sends no more messages. */
  end(pid: number): void {
    this.state.reject(
      new HandoverError(
        'ERR_HANDOVER_STATE',
        `Predecessor ${pid} exited or closed its channel before it sent its state.`,
        { pid },
      ),
    )
    this.greeting.resolve([])
    this.noMore.resolve()
  }
}
