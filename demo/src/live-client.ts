import type { Sequence } from './sequence.js'

/** A client with one connection, which it keeps open and never replaces. */
export abstract class LiveClient {
  /** The messages in each direction. */
  abstract readonly sequences: readonly Sequence[]
  /** Whether every message that the client expects has arrived. */
  abstract readonly isComplete: boolean
  #isOpen = false
  #servedBy: number | undefined
  #closedBecause: string | undefined
  #isStopped = false

  /** Stays true when the client itself closes the connection. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** The generation that sent the last message on the connection while it is open. */
  get servedBy(): number | undefined {
    return this.#isOpen && !this.#isStopped ? this.#servedBy : undefined
  }

  /** Why the connection closed or could not be opened, unless the client itself closed it. */
  get closedBecause(): string | undefined {
    return this.#closedBecause
  }

  /** Sends nothing more, and decides which messages must still arrive. */
  abstract finish(): void

  /** Closes the connection. Messages that have not arrived are lost. Can be called repeatedly. */
  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.close()
  }

  protected abstract close(): void

  protected opened(): void {
    this.#isOpen = true
  }

  protected heardFrom(generation: number): void {
    this.#servedBy = generation
  }

  /** Records the first reason. */
  protected closed(because: string): void {
    if (this.#isStopped || this.#closedBecause !== undefined) return
    this.#isOpen = false
    this.#closedBecause = because
  }
}
