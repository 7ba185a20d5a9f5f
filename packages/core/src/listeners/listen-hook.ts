/**
 * Handles `listen` in this process: a server gets the inherited listener for its address, or binds a new one. No other
 * file changes `listen` (docs/decisions/0001-listen-is-hooked-for-the-whole-process.md).
 */
import net from 'node:net'
import { setSocketPath, takeListener, wrapListen } from '../platform/listener-handle.js'
import type { Platform } from '../platform/process.js'
import type { UnixFile } from '../protocol/inheritance.js'
import { bindPrivately } from './bind-private.js'
import type { Claimed } from './claimed.js'
import { type Inherited, listenOnInherited } from './inherited.js'
import { type ListenCall, readListenCall } from './listen-address.js'
import type { ListenWatch } from './listen-watch.js'
import type { OpenListeners } from './open-listeners.js'
import type { Unclaimed } from './unclaimed.js'
import { listenOnPath, type NodeListen } from './unix-listen.js'

export interface ListenHookParts {
  readonly unclaimed: Unclaimed
  readonly claimed: Claimed
  readonly open: OpenListeners
  readonly watch: ListenWatch
  /** Inherited listeners accept nothing until {@link ListenHook.startAccepting}: a failed successor costs no request. */
  readonly paused: boolean
  /** This process cannot pass its listeners on: the hook only watches `listen`. */
  readonly watchOnly: boolean
  /** Resolves relative socket paths. */
  readonly cwd: string
}

export class ListenHook {
  readonly #parts: ListenHookParts
  /** Handover's own servers, whose `listen` is Node's. */
  readonly #own = new WeakSet<net.Server>()
  #paused: boolean

  constructor(parts: ListenHookParts) {
    this.#parts = parts
    this.#paused = parts.paused
  }

  /** Returns a function that restores Node's `listen`. */
  install(): () => void {
    return wrapListen((server, args, original) => this.#listen(server, args, original))
  }

  startAccepting(): void {
    this.#paused = false
  }

  /** Binds a Unix socket without a server and listens on it. Returns `undefined` if that fails. */
  bindUnix(path: string): object | undefined {
    const scratch = net.createServer()
    this.#own.add(scratch)
    scratch.on('error', () => {})
    scratch.listen(path)
    return takeListener(scratch)
  }

  /** Errors: `ERR_HANDOVER_CONTROL`. */
  async listenOnControl(server: net.Server, path: string, platform: Platform): Promise<void> {
    const { unclaimed, open, cwd } = this.#parts
    const call = readListenCall([path], cwd)
    const { key } = call.requested
    const inherited = unclaimed.claimControl(key)
    if (!this.#own.has(server)) server.on('close', () => open.forget(server))
    this.#own.add(server)
    if (inherited) {
      this.#listenOnInherited(server, call, inherited, [path])
      return
    }
    const unix = await bindPrivately(server, path, platform)
    setSocketPath(server, path)
    open.add(server, { key, unix, control: true })
  }

  #listen(server: net.Server, args: unknown[], original: NodeListen): net.Server {
    if (server.listening || this.#own.has(server)) return original(args)
    const { unclaimed, open, watch, watchOnly, cwd } = this.#parts
    const call = readListenCall(args, cwd)
    const { requested, backlog } = call
    const { key } = requested
    watch.watch(server, key)
    const inherited = watchOnly ? undefined : unclaimed.claim(requested)
    if (inherited) return this.#listenOnInherited(server, call, inherited, args)
    if (requested.kind === 'unix' && !watchOnly) {
      const onBound = (unix: UnixFile) => open.add(server, { key, unix, backlog })
      return listenOnPath({ server, path: requested.path, args, original, onBound })
    }
    open.add(server, { key, backlog })
    return original(args)
  }

  #listenOnInherited(
    server: net.Server,
    call: ListenCall,
    inherited: Inherited,
    args: readonly unknown[],
  ): net.Server {
    const { claimed, open } = this.#parts
    listenOnInherited(server, call, inherited, { args, paused: this.#paused })
    claimed.add(server, inherited.entry)
    open.addInherited(server, inherited, { key: call.requested.key, backlog: call.backlog })
    return server
  }
}
