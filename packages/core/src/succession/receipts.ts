/** Confirms received connections to their sender. */
import { isShortOfDescriptors } from '../platform/descriptors.js'
import { closeConnection, inodeOf } from '../platform/socket-handle.js'
import type { ConnectionMessage, Receipt } from '../protocol/generation-messages.js'

export class Receipts {
  readonly #say: (receipt: Receipt) => void
  #numbers: number[] = []
  #upTo = 0
  /** The highest descriptor that arrived. */
  #newest: number | undefined
  #scheduled = false

  constructor(say: (receipt: Receipt) => void) {
    this.#say = say
  }

  /**
   * Continues a connection, if its handle has arrived and `take` returns true. After a handle that could not be received,
   * one read may return bytes of its message with the next handle. The inode proves which message a handle belongs to.
   */
  take(
    { number, inode }: Pick<ConnectionMessage, 'number' | 'inode'>,
    handle: unknown,
    take: (own: object) => boolean,
  ): void {
    const arrived = typeof handle === 'object' && handle !== null ? handle : undefined
    const fd = (arrived as { fd?: number } | undefined)?.fd
    if (fd !== undefined) this.#newest = Math.max(fd, this.#newest ?? 0)
    if (arrived && inodeOf(arrived) === inode && take(arrived)) this.#numbers.push(number)
    else if (arrived) closeConnection(arrived)
    this.sent(number)
  }

  /** The sender has sent all connections up to this number. */
  sent(upTo: number): void {
    this.#upTo = upTo
    if (this.#scheduled) return
    this.#scheduled = true
    // Several arrive in one turn of the event loop: one message confirms them.
    setImmediate(() => {
      const [numbers, newest] = [this.#numbers, this.#newest]
      this.#numbers = []
      this.#newest = undefined
      this.#scheduled = false
      this.#say({ numbers, upTo: this.#upTo, ...(isShortOfDescriptors(newest) && { full: true }) })
    })
  }
}
