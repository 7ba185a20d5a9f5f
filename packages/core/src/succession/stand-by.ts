/**
 * While it drains, a predecessor keeps a duplicate of each listener, to serve again if its successor dies. It does not accept
 * on them. The successor sends them: Node cannot duplicate a descriptor, or stop accepting without closing.
 */
import type net from 'node:net'
import { type AdoptedListener, adoptHandle } from '../platform/listener-handle.js'

/** How long a successor must have run before its predecessor closes the duplicates. */
const standByMs = 10_000

export class StandBy {
  /** By the descriptor under which the successor knows the listener. */
  readonly #duplicates = new Map<number, AdoptedListener>()
  #timer: NodeJS.Timeout | undefined

  keep(listener: number, handle: object): void {
    this.#duplicates.get(listener)?.close()
    this.#duplicates.set(listener, adoptHandle(handle))
  }

  /** The successor has taken over. Calls `onOver` when it has run for long enough. */
  begin(onOver: () => void): void {
    this.#timer = setTimeout(onOver, standByMs).unref()
  }

  /** The duplicates for these servers, which the successor knows by these descriptors. The caller owns them from now on. */
  take(listeners: ReadonlyMap<net.Server, number>): Map<net.Server, AdoptedListener | undefined> {
    const taken = new Map([...listeners].map(([server, fd]) => [server, this.#duplicates.get(fd)] as const))
    for (const [, fd] of listeners) this.#duplicates.delete(fd)
    this.end()
    return taken
  }

  /** Closes the remaining duplicates: from now on the kernel queues connections only for the successor. */
  end(): void {
    clearTimeout(this.#timer)
    for (const each of this.#duplicates.values()) each.close()
    this.#duplicates.clear()
  }
}
