/**
 * The one door to what Node keeps private. All of it was tried on Node 20.19, 22, 24 and 26, and is looked for
 * before it is used (test/handover/platform.test.ts): where something is missing there is less, never a crash.
 */
import { fstatSync } from 'node:fs'
import net from 'node:net'
import { getSystemErrorName } from 'node:util'
import { HandoverError } from '../base/errors.js'
import { longestMs } from '../base/timeouts.js'
import type { TcpAddress } from '../protocol/inheritance.js'
import { observe } from './hidden-observers.js'

/** A listening handle of Node: `TCP` or `Pipe` of its C++ side. */
interface NativeHandle {
  readonly fd: number
  listen(backlog: number): number
  close(): void
  getsockname?(out: object): number
  getpeername?(out: object): number
  unref(): void
  onconnection?: unknown
  [symbol: symbol]: unknown
}

/** The handle of a server's listener, to be sent to another process: not the `Server`, which Node would track. */
export const bareListener = (server: net.Server): object | undefined => handleOf(server) ?? undefined

/** A descriptor that was taken over, and that accepts nothing until a server listens on it. */
export interface AdoptedListener {
  readonly fd: number
  /** The bound address; `undefined` for a Unix socket. */
  readonly tcp: TcpAddress | undefined
  /** Gives the descriptor back to the kernel. */
  close(): void
  /** Makes `server` listen on it, by Node's own `listen`. With `held`, nothing is accepted until `release`. */
  listen(server: net.Server, backlog: number | undefined, held: boolean): void
  /** Accept from now on. Errors: `ERR_HANDOVER_BAD_DESCRIPTOR` when the kernel does not let it listen. */
  release(): void
}

/** The privates of a `net.Server`. */
interface ServerInside {
  _handle: NativeHandle | null
  _listen2(address: null, port: -1, addressType: -1, backlog: number): void
  _emitCloseIfDrained?: () => void
  readonly _unref?: boolean
}

const handleOf = (server: net.Server): NativeHandle | null =>
  (server as unknown as ServerInside)._handle ?? null

/** Node's own backlog (net.js). */
const defaultBacklog = 511

/**
 * Wraps a descriptor as Node would, without accepting on it.
 * Errors: `ERR_HANDOVER_BAD_DESCRIPTOR` when it is closed, not a stream socket, or connected to a peer.
 */
export function adoptListener(fd: number): AdoptedListener {
  let handle: NativeHandle | null
  try {
    if (!fstatSync(fd).isSocket()) throw new Error('it is not a socket')
    const socket = new net.Socket({ fd, readable: false, writable: false })
    const bare = socket as unknown as { _handle: NativeHandle | null }
    handle = bare._handle
    bare._handle = null
  } catch (cause) {
    throw badDescriptor(fd, cause instanceof Error ? cause.message : String(cause), cause)
  }
  if (!handle) throw badDescriptor(fd, 'Node made no handle of it')
  if (handle.getpeername?.({}) === 0) throw badDescriptor(fd, 'it is a connection, not a listening socket')
  return adopted(handle, fd)
}

/** As {@link adoptListener}, for the handle of a listener that another process sent. */
export function adoptHandle(handle: object): AdoptedListener {
  return adopted(handle as NativeHandle, (handle as NativeHandle).fd)
}

function adopted(handle: NativeHandle, fd: number): AdoptedListener {
  let backlogWhenReleased = defaultBacklog
  let stay: NodeJS.Timeout | undefined
  let ended: (() => void) | undefined
  return {
    fd,
    tcp: boundAddress(handle),
    close: () => handle.close(),
    listen(server, backlog = defaultBacklog, held) {
      backlogWhenReleased = backlog
      // An own property hides the native method: Node does all that it does when it listens, but accepts nothing.
      if (held) {
        handle.listen = () => 0
        // To libuv it does not listen, so it would not keep the process, as it does where it was bound.
        stay = setInterval(() => {}, longestMs)
        ended = observe(server, { before: { close: () => clearInterval(stay) } })
      }
      // What `listen(handle)` does; it takes TCP handles only, and `listen({ fd })` would make a handle of its own.
      const inside = server as unknown as ServerInside
      inside._handle = handle
      inside._listen2(null, -1, -1, backlog)
    },
    release() {
      clearInterval(stay)
      ended?.()
      if (!Object.hasOwn(handle, 'listen')) return
      delete (handle as Partial<NativeHandle>).listen
      // A server that its owner closed meanwhile has closed the handle too.
      const failed = handle.fd >= 0 && handle.listen(backlogWhenReleased)
      if (failed) throw badDescriptor(fd, `it cannot listen (${getSystemErrorName(failed)})`)
    },
  }
}

function boundAddress(handle: NativeHandle): TcpAddress | undefined {
  const out: { address?: string; port?: number } = {}
  if (handle.getsockname?.(out) !== 0 || out.address === undefined) return undefined
  return { address: out.address, port: out.port ?? 0 }
}

function badDescriptor(fd: number, why: string, cause?: unknown): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_BAD_DESCRIPTOR',
    `Descriptor ${fd} was handed to this process as a listening socket, but ${why}. Nothing was inherited; ` +
      'whoever handed it on keeps serving.',
    { fd },
    cause,
  )
}

/** The descriptor that a server listens on; `undefined` when it does not listen or on a platform without. */
export function listenerFd(server: net.Server): number | undefined {
  const fd = handleOf(server)?.fd
  return fd !== undefined && fd >= 0 ? fd : undefined
}

/** `address()` of a server on an inherited Unix socket is null, on which Fastify crashes, unless it knows its path. */
export function setSocketPath(server: net.Server, path: string): void {
  ;(server as unknown as { _pipeName: string })._pipeName = path
}

/** Removes the listener from a server and returns it. */
export function takeListener(server: net.Server): object | undefined {
  const inside = server as unknown as ServerInside
  const handle = inside._handle ?? undefined
  inside._handle = null
  return handle
}

/**
 * Gives a server another listener; its program does not notice. The server also accepts on the old listener, which does
 * not keep the process running, until the returned function is called. `undefined`: this Node version cannot do it
 * (test/handover/platform.test.ts).
 */
export function replaceListener(server: net.Server, handle: object): (() => void) | undefined {
  const inside = server as unknown as ServerInside
  const [before, after] = [inside._handle, handle as NativeHandle]
  if (!before || !('onconnection' in before)) return undefined
  // A handle finds its server by a private symbol of Node.
  const owner = Object.getOwnPropertySymbols(before).find((each) => before[each] === server)
  if (owner === undefined) return undefined
  after.onconnection = before.onconnection
  after[owner] = server
  if (after.listen(defaultBacklog) !== 0) return undefined
  inside._handle = after
  if (inside._unref) after.unref()
  before.unref()
  return () => before.close()
}

/** Puts `replacement` in the place of `net.Server.prototype.listen`; returns the way back. */
export function wrapListen(
  replacement: (server: net.Server, args: unknown[], original: (args: unknown[]) => net.Server) => net.Server,
): () => void {
  const before = net.Server.prototype.listen as (this: net.Server, ...args: unknown[]) => net.Server
  function listenWithHandover(this: net.Server, ...args: unknown[]): net.Server {
    return replacement(this, args, (changed) => before.apply(this, changed))
  }
  net.Server.prototype.listen = listenWithHandover as typeof net.Server.prototype.listen
  return () => {
    if (net.Server.prototype.listen === (listenWithHandover as unknown)) {
      net.Server.prototype.listen = before as typeof net.Server.prototype.listen
    }
  }
}

/** From now on every `close` of a server of the process goes through `replacement`. Returns the way back. */
export function wrapClose(replacement: (server: net.Server, original: () => void) => void): () => void {
  const before = net.Server.prototype.close
  function closeWithHandover(this: net.Server, ...args: Parameters<typeof before>): net.Server {
    replacement(this, () => before.apply(this, args))
    return this
  }
  net.Server.prototype.close = closeWithHandover
  return () => {
    if (net.Server.prototype.close === closeWithHandover) net.Server.prototype.close = before
  }
}

/**
 * Closes the listener alone: `http.Server#close` would close idle connections as well. The server says `close`
 * when what is returned is called, and not when its own last connection has gone: who hears it may end more than
 * that server. Fastify then closes its second one for `localhost`, with all idle connections.
 */
export function closeListener(server: net.Server): () => void {
  if (!server.listening) return () => {}
  const inside = server as unknown as ServerInside
  // An own property hides Node's method, which it calls at each end of a connection.
  inside._emitCloseIfDrained = () => {}
  net.Server.prototype.close.call(server)
  return () => {
    Reflect.deleteProperty(inside, '_emitCloseIfDrained')
    inside._emitCloseIfDrained?.()
  }
}

/** Whether this Node can listen on a handle that it was given. */
export const canListenOnHandle = (): boolean => '_listen2' in net.Server.prototype

/** Whether these options of `listen` have a native handle: another server, or a socket. */
export const hasNativeHandle = (options: object): boolean => '_handle' in options
