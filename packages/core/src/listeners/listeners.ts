/**
 * The listeners of this process, inherited or bound here. Includes every server, registered or not: a successor cannot
 * bind an address that its predecessor still serves.
 */
import type net from 'node:net'
import { adoptHandle } from '../platform/listener-handle.js'
import type { Platform } from '../platform/process.js'
import type { ListenerEntry } from '../protocol/inheritance.js'
import { Claimed } from './claimed.js'
import type { Inherited } from './inherited.js'
import { ListenHook, type ListenHookParts } from './listen-hook.js'
import { ListenWatch, type ListenWatchParts } from './listen-watch.js'
import { OpenListeners } from './open-listeners.js'
import type { Restored } from './socket-files.js'
import { Unclaimed } from './unclaimed.js'

export interface ListenersParts
  extends Pick<ListenWatchParts, 'observer' | 'tolerated'>,
    Pick<ListenHookParts, 'paused' | 'watchOnly' | 'cwd'> {
  readonly inherited: readonly Inherited[]
}

export class Listeners {
  readonly claimed = new Claimed()
  readonly open = new OpenListeners()
  readonly watch: ListenWatch
  readonly #unclaimed: Unclaimed
  readonly #hook: ListenHook
  /** Whether a server listened before the call of `graceful`: a successor could not find its listener. */
  hasLate = false

  constructor({ inherited, observer, tolerated, ...settings }: ListenersParts) {
    const { claimed, open } = this
    const unclaimed = new Unclaimed(inherited, settings.cwd)
    const watch = new ListenWatch({
      observer,
      tolerated,
      onClose: (server) => open.forget(server),
      unclaimed: () => unclaimed.describe({ held: false }),
    })
    this.#unclaimed = unclaimed
    this.watch = watch
    this.#hook = new ListenHook({ unclaimed, claimed, open, watch, ...settings })
  }

  /** Handles every `listen` call of the process. Returns a function that stops this. */
  install(): () => void {
    const uninstall = this.#hook.install()
    return () => {
      this.watch.stop()
      uninstall()
    }
  }

  /** The servers that listen or are about to, without that of the control socket. */
  servers(): net.Server[] {
    return this.open.servers({ control: false })
  }

  /** Describes the inherited listeners if no server has claimed any: this process does not replace its predecessor. */
  unusedInherited(): string[] {
    return this.claimed.size > 0 ? [] : this.#unclaimed.describe({ held: true })
  }

  /** Describes the listeners that {@link closeUnclaimed} closes. */
  unclaimed(): string[] {
    return this.#unclaimed.describe({ held: false })
  }

  /** Inherited listeners accept connections from now on. */
  startAccepting(): void {
    this.#hook.startAccepting()
    this.open.startAccepting()
  }

  /** Adds a listener that another worker has bound. */
  inherit(entry: ListenerEntry, handle: object): void {
    const inherited = { entry, adopted: adoptHandle(handle) }
    if (!this.open.replaceRestored(inherited, handle)) this.#unclaimed.add(inherited)
  }

  /** Restores removed files of Unix sockets. Returns the result for each missing file. */
  restoreFiles(platform: Pick<Platform, 'withUmask'>): Restored[] {
    return this.open.restoreFiles((path) => this.#hook.bindUnix(path), platform)
  }

  /**
   * Serves the control socket: the inherited one, or a new one to which only this user may connect.
   * Errors: `ERR_HANDOVER_CONTROL`.
   */
  serveControl(server: net.Server, path: string, platform: Platform): Promise<void> {
    return this.#hook.listenOnControl(server, path, platform)
  }

  /** Closes the control socket and removes its file, unless a successor serves it. */
  closeControl(server: net.Server): void {
    if (server.listening) this.open.close([server], { removeFiles: true })()
  }

  /**
   * Closes inherited listeners that no server claimed: the kernel would queue connections there that no process accepts.
   * Closes a listener of a supervisor only if it is in `names`: a server may still claim it.
   */
  closeUnclaimed(names: readonly string[] = []): void {
    this.#unclaimed.close(({ held }) => held === undefined || names.includes(held))
  }

  /**
   * Closes every listener. With `forGood`, no successor serves them: also removes their socket files, but keeps the control
   * socket open to report the drain. The returned function makes the servers emit `close`.
   */
  close({ forGood }: { forGood: boolean }): () => void {
    const emitClose = this.closeServers(this.open.servers({ control: !forGood }), { forGood })
    this.#unclaimed.close(({ held }) => forGood || held !== undefined)
    return emitClose
  }

  /** Closes the listeners of some servers, as {@link close}. The servers may listen again. */
  closeServers(servers: readonly net.Server[], { forGood }: { forGood: boolean }): () => void {
    return this.open.close(servers, { removeFiles: forGood })
  }

  /** Adds a server that already listens, for a graceful shutdown. The arguments of its `listen` are unknown. */
  attach(server: net.Server): void {
    this.hasLate = true
    this.watch.watch(server)
    this.open.add(server, { key: 'handle' })
  }
}
