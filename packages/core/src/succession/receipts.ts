/** Confirms received connections to their sender. */
import { isShortOfDescriptors } from '../platform/descriptors.js'
import { closeConnection, inodeOf } from '../platform/socket-handle.js'
import type { ConnectionMessage, Receipt } from '../protocol/generation-messages.js'

export class Receipts {
  readonly #send: (receipt: Receipt) => void
  #numbers: number[] = []
  #upTo = 0
  /** The highest descriptor since the last receipt. */
  #highest: number | undefined
  #scheduled = false

  constructor(send: (receipt: Receipt) => void) {
    this.#send = send
  }

  /**
   * Accepts a connection if its handle has arrived and `accept` returns true. After Node drops a handle, one read may
   * return bytes of its message with the next handle. The inode proves to which message a handle belongs.
   */
  take(
    { number, inode }: Pick<ConnectionMessage, 'number' | 'inode'>,
    handle: unknown,
    accept: (own: object) => boolean,
  ): void {
    const arrived = typeof handle === 'object' && handle !== null ? handle : undefined
    const fd = (arrived as { fd?: number } | undefined)?.fd
    if (fd !== undefined) this.#highest = Math.max(fd, this.#highest ?? 0)
    if (arrived && inodeOf(arrived) === inode && accept(arrived)) this.#numbers.push(number)
    else if (arrived) closeConnection(arrived)
    this.sent(number)
  }

  /** Called when the sender has sent all connections up to this number. */
  sent(upTo: number): void {
    this.#upTo = upTo
    if (this.#scheduled) return
    this.#scheduled = true
    // One message confirms all that arrive in one turn of the event loop: usually one (docs/decisions/0036-one-connection-a-turn.md).
    setImmediate(() => {
      const [numbers, highest] = [this.#numbers, this.#highest]
      this.#numbers = []
      this.#highest = undefined
      this.#scheduled = false
      this.#send({ numbers, upTo: this.#upTo, ...(isShortOfDescriptors(highest) && { full: true }) })
    })
  }
}
