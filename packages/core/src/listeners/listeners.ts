/**
 * The listeners of this process: inherited or bound, found by the address that was asked for. Every server of
 * the process counts, registered or not, since a successor that had to bind one again would find it in use.
 * What `listen` does is changed here and nowhere else.
 */
import net from 'node:net'
import { observe } from '../platform/hidden-observers.js'
import {
  type AdoptedListener,
  adoptHandle,
  bareListener,
  closeListener,
  listenerFd,
  setSocketPath,
  takeListener,
  wrapListen,
} from '../platform/listener-handle.js'
import type { Platform } from '../platform/process.js'
import { isPlainHttp } from '../platform/server-kind.js'
import { identityOf, remove } from '../platform/socket-file.js'
import type { Inherited } from '../platform/systemd-notify.js'
import { continueTlsSessions } from '../platform/tls-sessions.js'
import type { ListenerEntry, TlsSessions, UnixFile } from '../protocol/inheritance.js'
import { bindPrivately } from './bind-private.js'
import { type ListenCall, readListenCall } from './listen-address.js'
import { cannotHandOn, describe, inUse } from './listen-errors.js'
import { type Restored, SocketFiles } from './socket-files.js'
import { Unclaimed } from './unclaimed.js'
import { listenOnPath, type NodeListen } from './unix-listen.js'

/** How many unavailable addresses a successor learns of: a program may try many ports. */
const mostUnavailable = 100

/** A server that listens, and what its successor must know to find its listener. */
interface Open {
  readonly key: string
  readonly unix?: UnixFile
  readonly systemd?: string
  readonly inherited?: Inherited
  readonly backlog?: number | undefined
  /** The control socket: open until the process leaves, unless a successor serves it. */
  readonly control?: true
}

/** What somebody wants to know of the servers of the process. */
export interface ListenObserver {
  /** Before a server listens, each time. */
  onListen(server: net.Server): void
  onListening(server: net.Server): void
  /** The server no longer listens, or could not listen. */
  onClosed(server: net.Server): void
  /** A server could not bind. */
  onListenError(server: net.Server, error: Error): void
}

/** The observer after the generation has released the process: its servers may listen again without it. */
const unobserved: ListenObserver = { onListen() {}, onListening() {}, onClosed() {}, onListenError() {} }

export interface ListenersParts {
  readonly inherited: readonly Inherited[]
  readonly held: boolean
  /** Keys of addresses on which the predecessor could not listen either. */
  readonly tolerated: readonly string[]
  readonly watchOnly: boolean
  readonly cwd: string
  readonly observer: ListenObserver
}

export class Listeners {
  readonly #unclaimed: Unclaimed
  readonly #open = new Map<net.Server, Open>()
  /** By the descriptor that they inherited. */
  readonly #servers = new Map<number, net.Server>()
  readonly #files = new SocketFiles()
  readonly #used = new Map<net.Server, ListenerEntry>()
  #tlsSessions: ReadonlyMap<number, TlsSessions> = new Map()
  /** Stops observing a server. */
  readonly #observed = new Map<net.Server, () => void>()
  /** The key of the address that each server last tried to listen on. */
  readonly #wanted = new WeakMap<net.Server, string>()
  readonly #unavailable = new Set<string>()
  readonly #tolerated: ReadonlySet<string>
  /** Those of Handover itself. */
  readonly #own = new WeakSet<net.Server>()
  readonly #cwd: string
  #observer: ListenObserver
  #hasLate = false
  /** While true, an inherited listener accepts nothing: a successor that never gets ready costs no request. */
  #held: boolean

  /** Where nothing can be handed on, `listen` is watched and left alone. */
  readonly #watchOnly: boolean

  constructor(parts: ListenersParts) {
    this.#unclaimed = new Unclaimed(parts.inherited, parts.cwd)
    this.#held = parts.held
    this.#tolerated = new Set(parts.tolerated)
    this.#cwd = parts.cwd
    this.#watchOnly = parts.watchOnly
    this.#observer = parts.observer
  }

  /** From now on every `listen` of the process comes through here. Returns the way back. */
  install(): () => void {
    const unwrap = wrapListen((server, args, original) => this.#listen(server, args, original))
    return () => {
      this.#observer = unobserved
      unwrap()
      for (const off of this.#observed.values()) off()
      this.#observed.clear()
    }
  }

  /**
   * Every listener that can be handed on, with its server; `fd` is the number in this process.
   * Errors: `ERR_HANDOVER_BAD_DESCRIPTOR`.
   */
  handOn(): { server: net.Server; entry: ListenerEntry }[] {
    return [...this.#open].flatMap(([server, { key, unix, systemd, control, inherited }]) => {
      const fd = listenerFd(server)
      // A handle that was given to `listen` is some other server's: its successor makes it again.
      if (fd === undefined || key === 'handle') return []
      const address = addressOf(server, fd, key)
      const where =
        typeof address === 'object' && address !== null
          ? { tcp: { address: address.address, port: address.port } }
          : { unix: unix ?? { path: address ?? '' } }
      const held = inherited?.entry.held
      const more = {
        ...(systemd === undefined ? {} : { systemd }),
        ...(control ? { control } : {}),
        ...(held === undefined ? {} : { held }),
      }
      return [{ server, entry: { fd, key, ...where, ...more } }]
    })
  }

  /** Keys of addresses on which this process could not listen, and of which the program has made nothing. */
  unavailable(): string[] {
    return [...this.#unavailable]
  }

  /** Descriptors, as they were inherited, of the listeners that a server of this process serves. */
  claimed(): number[] {
    return [...this.#servers.keys()]
  }

  /** The servers that listen, or are about to, without the server of the control socket. */
  servers(): net.Server[] {
    return [...this.#open].flatMap(([server, { control }]) => (control ? [] : server))
  }

  /** Those of them to which connections of plain HTTP/1.1 can move, whatever the predecessor served there. */
  http1(): number[] {
    return [...this.#servers].flatMap(([fd, server]) => (isPlainHttp(server) ? fd : []))
  }

  /** What was inherited, in words, where none of it is served: this process is not the service that it is taken for. */
  passedOver(): string[] {
    return this.#servers.size > 0 ? [] : this.#unclaimed.inWords()
  }

  /** Inherited listeners that a server of this process used and has closed, in words. */
  stopped(): string[] {
    return [...this.#used].flatMap(([server, entry]) => (server.listening ? [] : describe(entry)))
  }

  /**
   * Serves the control socket: the one that was inherited, or a new one that only this user may connect to.
   * Errors: `ERR_HANDOVER_CONTROL`.
   */
  async serveControl(server: net.Server, path: string, platform: Platform): Promise<void> {
    const call = readListenCall([path], this.#cwd)
    const inherited = this.#unclaimed.claimControl(call.wanted.key)
    this.#own.add(server)
    server.on('close', () => this.#forget(server))
    if (inherited) return void this.#listenOnInherited(server, call, inherited, [path])
    const unix = await bindPrivately(server, path, platform)
    setSocketPath(server, path)
    this.#add(server, { key: call.wanted.key, unix, control: true })
  }

  /** Closes the control socket at last, and removes its file. */
  closeControl(server: net.Server): void {
    // It is a successor's.
    if (!server.listening) return
    const { unix } = this.#open.get(server) ?? {}
    this.#closeListener(server)()
    if (unix) remove(unix)
  }

  /** Sessions of the predecessor's clients go on in the servers of the listeners that were inherited. */
  continueTlsSessions(sessions: readonly (readonly [number, TlsSessions])[]): void {
    this.#tlsSessions = new Map(sessions)
    for (const [fd, server] of this.#servers) this.#continueSessions(fd, server)
  }

  #continueSessions(fd: number, server: net.Server): void {
    const sessions = this.#tlsSessions.get(fd)
    if (sessions) continueTlsSessions(server, sessions)
  }

  /** Handles of the inherited listeners that are served, by their descriptors. */
  duplicable(): [number, object][] {
    return [...this.#servers].flatMap(([fd, server]) => {
      const handle = bareListener(server)
      return handle === undefined ? [] : [[fd, handle] as [number, object]]
    })
  }

  /** Listens again on what {@link close} has closed: on a duplicate, or, where there is none, bound anew. */
  listenAgain(
    server: net.Server,
    duplicate: AdoptedListener | undefined,
    { tcp, unix }: ListenerEntry,
  ): void {
    const before = this.#open.get(server)
    if (!before || server.listening) {
      duplicate?.close()
      return
    }
    if (!duplicate) {
      server.listen(tcp ? { host: tcp.address, port: tcp.port } : { path: unix?.path })
      return
    }
    duplicate.listen(server, before.backlog, false)
    if (unix) setSocketPath(server, unix.path)
  }

  /** The server of the listener that was inherited as descriptor `fd`, even if it listens no more. */
  serverOf(fd: number): net.Server | undefined {
    return this.#servers.get(fd)
  }

  /** Accept on what was inherited. */
  release(): void {
    this.#held = false
    for (const [server, { inherited, unix }] of this.#open) {
      inherited?.adopted.release()
      if (unix) this.#files.isInPlace(server, unix)
    }
  }

  /** Inherited listeners that no server asked for, in words. */
  unclaimed(): string[] {
    return this.#unclaimed.inWords(({ held }) => held === undefined)
  }

  /** One more to be asked for, which a process beside this one has bound. */
  inherit(entry: ListenerEntry, handle: object): void {
    const server = this.#replacedBy(entry)
    if (!server || !this.#files.replace(server, handle)) {
      this.#unclaimed.add({ entry, adopted: adoptHandle(handle) })
      return
    }
    const open = this.#open.get(server) as Open
    const inherited = { entry, adopted: adoptHandle(handle) }
    this.#open.set(server, { ...open, inherited, ...(entry.unix && { unix: entry.unix }) })
  }

  /** Restores removed files of Unix sockets. Returns the result for each missing file. */
  restoreFiles(platform: Pick<Platform, 'withUmask'>): Restored[] {
    return [...this.#open].flatMap(([server, { key, unix, control }]) => {
      const restored = unix && this.#files.restore(server, unix, (path) => this.#bindAt(path), platform)
      if (restored?.file) this.#open.set(server, { key, unix: restored.file, ...(control && { control }) })
      return restored ?? []
    })
  }

  #bindAt(path: string): object | undefined {
    const scratch = net.createServer()
    this.#own.add(scratch)
    scratch.on('error', () => {})
    scratch.listen(path)
    return takeListener(scratch)
  }

  /** The server whose file another worker restored, after a removal, as the file of this entry. */
  #replacedBy({ unix, control }: ListenerEntry): net.Server | undefined {
    if (unix?.identity === undefined || control || identityOf(unix.path) !== unix.identity) return undefined
    const [server] =
      [...this.#open].find(
        ([each, open]) =>
          each.listening && open.unix?.path === unix.path && open.unix.identity !== unix.identity,
      ) ?? []
    return server
  }

  /**
   * Closes what nobody asked for: the kernel would go on queueing connections on it that nobody answers. What a
   * supervisor holds is closed when it says so, by name: this process may yet ask for it.
   */
  closeUnclaimed(names: readonly string[] = []): void {
    this.#unclaimed.close(({ held }) => held === undefined || names.includes(held))
  }

  /**
   * Closes every listener. With `forGood` the socket files go too: no successor serves them; the control socket is
   * served on, for whoever asks what the drain waits for. The servers say `close` when what is returned is called.
   */
  close({ forGood }: { forGood: boolean }): () => void {
    const all = [...this.#open].filter(([, { control }]) => !(forGood && control))
    const sayClose = all.map(([server]) => this.#closeListener(server))
    if (forGood) for (const [, { unix }] of all) if (unix) remove(unix)
    this.#unclaimed.close(({ held }) => forGood || held !== undefined)
    return () => {
      for (const say of sayClose) say()
    }
  }

  #add(server: net.Server, open: Open): void {
    this.#open.set(server, open)
    if (open.unix) this.#files.isInPlace(server, open.unix)
  }

  #forget(server: net.Server): void {
    this.#open.delete(server)
    this.#files.closeFormer(server)
  }

  #closeListener(server: net.Server): () => void {
    const sayClose = closeListener(server)
    this.#files.closeFormer(server)
    return sayClose
  }

  has(server: net.Server): boolean {
    return this.#open.has(server)
  }

  /** Whether a server listened before `graceful` was called: a successor could not find its listener. */
  get hasLate(): boolean {
    return this.#hasLate
  }

  /** Follows such a server. It closes at a shutdown. The arguments of its `listen` are unknown. */
  attach(server: net.Server): void {
    this.#hasLate = true
    this.#observe(server)
    this.#open.set(server, { key: 'handle' })
  }

  /** Reports a server that already listens to the observer. */
  announce(server: net.Server): void {
    this.#observer.onListening(server)
  }

  /**
   * Closes the listeners of these servers, with `forGood` their socket files too. The servers may listen again. They
   * emit `close` when the returned function is called.
   */
  closeServers(servers: readonly net.Server[], { forGood }: { forGood: boolean }): () => void {
    const files = servers.flatMap((server) => this.#open.get(server)?.unix ?? [])
    const sayClose = servers.map((server) => this.#closeListener(server))
    if (forGood) for (const file of files) remove(file)
    return () => {
      for (const say of sayClose) say()
    }
  }

  #listen(server: net.Server, args: unknown[], original: NodeListen): net.Server {
    if (server.listening || this.#own.has(server)) return original(args)
    const call = readListenCall(args, this.#cwd)
    this.#wanted.set(server, call.wanted.key)
    this.#observe(server)
    if (this.#watchOnly) {
      this.#open.set(server, { key: call.wanted.key })
      return original(args)
    }
    const inherited = this.#unclaimed.claim(call.wanted)
    if (inherited) return this.#listenOnInherited(server, call, inherited, args)
    if (call.wanted.kind === 'unix') {
      const { key, path } = call.wanted
      const { backlog } = call
      return listenOnPath(server, path, args, original, (unix) => this.#add(server, { key, unix, backlog }))
    }
    this.#open.set(server, { key: call.wanted.key, backlog: call.backlog })
    return original(args)
  }

  #listenOnInherited(
    server: net.Server,
    call: ListenCall,
    inherited: Inherited,
    args: readonly unknown[],
  ): net.Server {
    const { entry, adopted } = inherited
    const { wanted, backlog, callback } = call
    if (callback) server.once('listening', callback)
    adopted.listen(server, backlog, this.#held)
    if (entry.unix) setSocketPath(server, wanted.kind === 'unix' ? wanted.path : entry.unix.path)
    closeOnAbort(server, args[0])
    this.#servers.set(entry.fd, server)
    this.#used.set(server, entry)
    this.#continueSessions(entry.fd, server)
    this.#add(server, {
      key: wanted.key,
      backlog,
      inherited,
      ...(entry.unix ? { unix: entry.unix } : {}),
      ...(entry.systemd === undefined ? {} : { systemd: entry.systemd }),
      ...(entry.control ? { control: entry.control } : {}),
    })
    return server
  }

  /** Observes until the server closes or fails to listen. It may try again. */
  #observe(server: net.Server): void {
    this.#observer.onListen(server)
    if (this.#observed.has(server)) return
    const off = observe(server, {
      before: {
        listening: () => {
          this.#unavailable.delete(this.#wanted.get(server) ?? '')
          this.#observer.onListening(server)
        },
        close: () => {
          this.#forget(server)
          this.#ignore(server)
        },
        error: (error: Error) => {
          if (server.listening) return
          this.#onError(server, error)
          this.#ignore(server)
        },
      },
    })
    this.#observed.set(server, off)
  }

  #ignore(server: net.Server): void {
    this.#observed.get(server)?.()
    this.#observed.delete(server)
    this.#observer.onClosed(server)
  }

  /** If the program handled this unavailable address in the predecessor, it may do so here, too. */
  #onError(server: net.Server, error: Error): void {
    const key = this.#wanted.get(server) ?? ''
    if (this.#unavailable.size < mostUnavailable) this.#unavailable.add(key)
    if (!this.#tolerated.has(key)) this.#observer.onListenError(server, inUse(error, this.unclaimed()))
  }
}

function addressOf(server: net.Server, fd: number, key: string): ReturnType<net.Server['address']> {
  try {
    return server.address()
  } catch (cause) {
    throw cannotHandOn(fd, key, cause)
  }
}

/** `listen({ signal })`, which Node's own `listen` would see to. */
function closeOnAbort(server: net.Server, options: unknown): void {
  const signal = (options as { signal?: unknown } | null)?.signal
  if (!(signal instanceof AbortSignal)) return
  if (signal.aborted) process.nextTick(() => server.close())
  else signal.addEventListener('abort', () => server.close(), { once: true })
}
