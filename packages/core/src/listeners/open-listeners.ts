/**
 * The servers of this process that listen or are about to, and what a successor needs to find their listeners. A server
 * stays here until it emits `close`: it may close only its listener, and listen again.
 */
import type net from 'node:net'
import {
  type AdoptedListener,
  closeListener,
  listenerFd,
  setSocketPath,
} from '../platform/listener-handle.js'
import type { Platform } from '../platform/process.js'
import { identityOf, remove } from '../platform/socket-file.js'
import type { ListenerEntry, UnixFile } from '../protocol/inheritance.js'
import type { Inherited } from './inherited.js'
import { cannotInherit } from './listen-errors.js'
import { type Bind, type Restored, SocketFiles } from './socket-files.js'

export interface OpenListener {
  readonly key: string
  readonly unix?: UnixFile
  readonly inherited?: Inherited
  readonly backlog?: number | undefined
  /** The control socket: open until the process exits, unless a successor serves it. */
  readonly control?: true
}

export class OpenListeners {
  readonly #all = new Map<net.Server, OpenListener>()
  readonly #files = new SocketFiles()

  add(server: net.Server, open: OpenListener): void {
    this.#all.set(server, open)
    if (open.unix) this.#files.isInPlace(server, open.unix)
  }

  addInherited(server: net.Server, inherited: Inherited, call: Pick<OpenListener, 'key' | 'backlog'>): void {
    const { unix, control } = inherited.entry
    this.add(server, { ...call, inherited, ...(unix && { unix }), ...(control && { control }) })
  }

  /** Called when the server has closed. */
  forget(server: net.Server): void {
    this.#all.delete(server)
    this.#files.closeFormer(server)
  }

  has(server: net.Server): boolean {
    return this.#all.has(server)
  }

  servers({ control }: { readonly control: boolean }): net.Server[] {
    return [...this.#all].flatMap(([server, open]) => (open.control && !control ? [] : server))
  }

  /** Every listener that a successor can inherit, with its descriptor here. Errors: `ERR_HANDOVER_BAD_DESCRIPTOR`. */
  inheritable(): { server: net.Server; entry: ListenerEntry }[] {
    return [...this.#all].flatMap(([server, open]) => {
      const entry = entryOf(server, open)
      return entry ? { server, entry } : []
    })
  }

  startAccepting(): void {
    for (const [server, { inherited, unix }] of this.#all) {
      inherited?.adopted.startAccepting()
      if (unix) this.#files.isInPlace(server, unix)
    }
  }

  close(servers: readonly net.Server[], { removeFiles }: { readonly removeFiles: boolean }): () => void {
    const files = removeFiles ? servers.flatMap((server) => this.#all.get(server)?.unix ?? []) : []
    const emitClose = servers.map((server) => {
      const emit = closeListener(server)
      this.#files.closeFormer(server)
      return emit
    })
    for (const file of files) remove(file)
    return () => {
      for (const emit of emitClose) emit()
    }
  }

  /**
   * Listens on `duplicate` or, without one, binds the address again. Closes `duplicate` if the server already listens or
   * has closed.
   */
  listenAgain(
    server: net.Server,
    duplicate: AdoptedListener | undefined,
    { tcp, unix }: ListenerEntry,
  ): void {
    const open = this.#all.get(server)
    if (!open || server.listening) {
      duplicate?.close()
      return
    }
    if (!duplicate) {
      server.listen(tcp ? { host: tcp.address, port: tcp.port } : { path: unix?.path })
      return
    }
    duplicate.listen(server, open.backlog, false)
    if (unix) setSocketPath(server, unix.path)
  }

  restoreFiles(bind: Bind, platform: Pick<Platform, 'withUmask'>): Restored[] {
    return [...this.#all].flatMap(([server, { key, unix, control }]) => {
      const restored = unix && this.#files.restore(server, unix, bind, platform)
      if (restored?.file) this.#all.set(server, { key, unix: restored.file, ...(control && { control }) })
      return restored ?? []
    })
  }

  /**
   * If another worker has restored the removed socket file of a server, the server here switches to the listener of that
   * worker. Returns whether it did.
   */
  replaceRestored(inherited: Inherited, handle: object): boolean {
    const { unix } = inherited.entry
    const [server, open] = this.#replacedBy(inherited.entry) ?? []
    if (!server || !open || !this.#files.replace(server, handle)) return false
    this.#all.set(server, { ...open, inherited, ...(unix && { unix }) })
    return true
  }

  #replacedBy({ unix, control }: ListenerEntry): [net.Server, OpenListener] | undefined {
    if (unix?.identity === undefined || control || identityOf(unix.path) !== unix.identity) return undefined
    return [...this.#all].find(
      ([server, open]) =>
        server.listening && open.unix?.path === unix.path && open.unix.identity !== unix.identity,
    )
  }
}

/** `undefined` if a successor cannot inherit it. */
function entryOf(server: net.Server, open: OpenListener): ListenerEntry | undefined {
  const { key, unix, control, inherited } = open
  const fd = listenerFd(server)
  // The program passed the handle of another server to `listen`, and will do so in the successor.
  if (fd === undefined || key === 'handle') return undefined
  const address = addressOf(server, fd, key)
  const where =
    typeof address === 'object' && address !== null
      ? { tcp: { address: address.address, port: address.port } }
      : { unix: unix ?? { path: address ?? '' } }
  const { systemd, held } = inherited?.entry ?? {}
  return {
    fd,
    key,
    ...where,
    ...(systemd !== undefined && { systemd }),
    ...(control && { control }),
    ...(held !== undefined && { held }),
  }
}

function addressOf(server: net.Server, fd: number, key: string): ReturnType<net.Server['address']> {
  try {
    return server.address()
  } catch (cause) {
    throw cannotInherit(fd, key, cause)
  }
}
