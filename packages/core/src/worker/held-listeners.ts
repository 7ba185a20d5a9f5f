/** The listeners of this worker, of which the supervisor holds duplicates. Each has a name that all workers know. */
import type net from 'node:net'
import type { Listeners } from '../listeners/listeners.js'
import { bareListener } from '../platform/listener-handle.js'
import type { ListenerEntry } from '../protocol/inheritance.js'
import type { FromWorker } from '../protocol/supervisor-messages.js'

export interface HeldListenersParts {
  readonly pid: number
  readonly listeners: Listeners
  /** This generation drains or has exited. */
  readonly isEnding: () => boolean
  readonly post: (message: FromWorker, handle?: object) => void
}

export class HeldListeners {
  readonly #parts: HeldListenersParts
  /** Names of the listeners that were bound here. */
  readonly #names = new WeakMap<net.Server, string>()
  #bound = 0
  #willKeep = false

  constructor(parts: HeldListenersParts) {
    this.#parts = parts
  }

  /**
   * A server listens. Handles all servers that begin to listen in one turn of the event loop together: the cost of each
   * pass grows with the number of listeners.
   */
  keep(): void {
    if (this.#willKeep) return
    this.#willKeep = true
    setImmediate(() => this.keepNow())
  }

  /** Sends the supervisor duplicates of the listeners bound here, and the list of served ones. */
  keepNow(): void {
    if (!this.#willKeep) return
    this.#willKeep = false
    const { listeners, pid, isEnding, post } = this.#parts
    const all = listeners.inheritable()
    for (const { server, entry } of all) {
      if (entry.held !== undefined || this.#names.has(server)) continue
      const held = `${pid}:${++this.#bound}`
      this.#names.set(server, held)
      post({ type: 'listener', entry: { ...entry, held } }, bareListener(server))
    }
    if (isEnding()) return
    const held = all.flatMap(({ server, entry }) => this.named(entry, server).held ?? [])
    post({ type: 'serves', held })
  }

  /** A server has another listener than before: to the supervisor it is a new one. */
  onRestored(server: net.Server): void {
    this.#names.delete(server)
    this.keep()
  }

  /** The program closes a server. The duplicate at the supervisor would queue connections that no process accepts. */
  onClose(server: net.Server, close: () => void): void {
    this.keepNow()
    const { isEnding, listeners, post } = this.#parts
    const served = isEnding() ? undefined : listeners.inheritable().find((each) => each.server === server)
    close()
    const held = served && this.named(served.entry, server).held
    if (held === undefined) return
    // When it listens again, it binds another listener.
    this.#names.delete(server)
    post({ type: 'closed', held })
  }

  /** The entry with the name of its listener, if it has one. */
  named(entry: ListenerEntry, server: net.Server | undefined): ListenerEntry {
    const held = entry.held ?? (server && this.#names.get(server))
    return held === undefined ? entry : { ...entry, held }
  }

  /** The servers that listen, with the names of their listeners. */
  servers(): (readonly [net.Server, string])[] {
    return this.#parts.listeners.inheritable().flatMap(({ server, entry }) => {
      const { held } = this.named(entry, server)
      return held === undefined ? [] : [[server, held] as const]
    })
  }
}
