/**
 * What a predecessor keeps while it drains, to serve again if its successor dies: a duplicate of each listener, on which it
 * accepts nothing. The successor sends them: Node cannot duplicate a descriptor, and cannot stop accepting without closing.
 */
import type net from 'node:net'
import { type AdoptedListener, adoptHandle } from './node-privates.js'

/** How long a successor must have run until its predecessor closes the duplicates. */
const standByMs = 10_000

export class StandBy {
  /** By the descriptor under which the successor knows the listener. */
  readonly #duplicates = new Map<number, AdoptedListener>()
  #timer: NodeJS.Timeout | undefined

  keep(listener: number, handle: object): void {
    this.#duplicates.get(listener)?.close()
    this.#duplicates.set(listener, adoptHandle(handle))
  }

  /** The successor has taken over. `onOver` is called when it has run for long enough. */
  begin(onOver: () => void): void {
    this.#timer = setTimeout(onOver, standByMs).unref()
  }

  /** The duplicates, by the servers whose listeners are known under these descriptors; they are the caller's. */
  take(listeners: ReadonlyMap<net.Server, number>): Map<net.Server, AdoptedListener | undefined> {
    const taken = new Map([...listeners].map(([server, fd]) => [server, this.#duplicates.get(fd)] as const))
    for (const [, fd] of listeners) this.#duplicates.delete(fd)
    this.end()
    return taken
  }

  /** Closes what is left: from now on the kernel queues connections for the successor alone. */
  end(): void {
    clearTimeout(this.#timer)
    for (const each of this.#duplicates.values()) each.close()
    this.#duplicates.clear()
  }
}
