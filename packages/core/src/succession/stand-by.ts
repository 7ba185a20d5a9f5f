/**
 * A draining predecessor keeps a duplicate of each listener, without accepting on it, to serve again if its successor
 * dies. The successor sends the duplicates: Node can neither duplicate a descriptor nor stop accepting without closing it.
 */
import type net from 'node:net'
import { type AdoptedListener, adoptHandle } from '../platform/listener-handle.js'

/** How long a successor must have run before its predecessor closes the duplicates. */
const standByMs = 10_000

export class StandBy {
  /** By the descriptor of the listener in the successor. */
  readonly #duplicates = new Map<number, AdoptedListener>()
  #timer: NodeJS.Timeout | undefined

  keep(listener: number, handle: object): void {
    this.#duplicates.get(listener)?.close()
    this.#duplicates.set(listener, adoptHandle(handle))
  }

  /** The successor has taken over. Calls `onProven` when it has run for long enough. */
  begin(onProven: () => void): void {
    this.#timer = setTimeout(onProven, standByMs).unref()
  }

  /** Returns the duplicates for these servers, by their descriptors in the successor. The caller owns them from now on. */
  take(listeners: ReadonlyMap<net.Server, number>): Map<net.Server, AdoptedListener | undefined> {
    const taken = new Map([...listeners].map(([server, fd]) => [server, this.#duplicates.get(fd)] as const))
    for (const [, fd] of listeners) this.#duplicates.delete(fd)
    this.end()
    return taken
  }

  /** Closes the remaining duplicates: from now on only the successor keeps the listeners open. */
  end(): void {
    clearTimeout(this.#timer)
    for (const each of this.#duplicates.values()) each.close()
    this.#duplicates.clear()
  }
}
