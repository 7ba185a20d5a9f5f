/** The listeners of this worker, of which the supervisor holds duplicates. All workers know them by the same names. */
import type net from 'node:net'
import { bareListener } from '../platform/listener-handle.js'
import type { ListenerEntry } from '../protocol/inheritance.js'
import type { Post } from './supervisor-channel.js'
import type { SupervisorParts } from './supervisor-parts.js'

export interface HeldListenersParts extends Pick<SupervisorParts, 'listeners' | 'isEnding'> {
  readonly pid: number
  readonly post: Post
}

export class HeldListeners {
  readonly #parts: HeldListenersParts
  /** Names of the listeners that were bound here. */
  readonly #names = new WeakMap<net.Server, string>()
  #bound = 0
  #isScheduled = false

  constructor(parts: HeldListenersParts) {
    this.#parts = parts
  }

  /**
   * Called when a server listens. Reports all servers that begin to listen in one turn of the event loop together: the
   * cost of each report grows with the number of listeners.
   */
  reportSoon(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.reportNow())
  }

  /** Performs a scheduled report: sends duplicates of the listeners bound here, and the list of served ones. */
  reportNow(): void {
    if (!this.#isScheduled) return
    this.#isScheduled = false
    const { listeners, pid, isEnding, post } = this.#parts
    const all = listeners.open.inheritable()
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

  /** A server got another listener, which is new to the supervisor. */
  onRestored(server: net.Server): void {
    this.#names.delete(server)
    this.reportSoon()
  }

  /** The program closes a server. The supervisor's duplicate would queue connections that no process accepts. */
  onClose(server: net.Server, close: () => void): void {
    this.reportNow()
    const { isEnding, listeners, post } = this.#parts
    const served = isEnding()
      ? undefined
      : listeners.open.inheritable().find((each) => each.server === server)
    close()
    const held = served && this.named(served.entry, server).held
    if (held === undefined) return
    // When the server listens again, it binds another listener.
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
    return this.#parts.listeners.open.inheritable().flatMap(({ server, entry }) => {
      const { held } = this.named(entry, server)
      return held === undefined ? [] : [[server, held] as const]
    })
  }
}
