/**
 * The only access to what Node keeps private about listeners, tested on Node 20.19, 22, 24 and 26. Handover checks for
 * each private before it uses it: where one is missing, a feature is missing too, but nothing crashes
 * (test/handover/platform.test.ts).
 */
import { fstatSync } from 'node:fs'
import net from 'node:net'
import { getSystemErrorName } from 'node:util'
import { HandoverError } from '../base/errors.js'
import { longestMs } from '../base/timeouts.js'
import type { TcpAddress } from '../protocol/inheritance.js'
import { observe } from './hidden-observers.js'

/** A listening handle of Node's C++ side: `TCP` or `Pipe`. */
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

/** The handle to send to another process. Node would track a `Server`. */
export const bareListener = (server: net.Server): object | undefined => handleOf(server) ?? undefined

/** An inherited descriptor. It accepts nothing until a server listens on it. */
export interface AdoptedListener {
  readonly fd: number
  /** The bound address; `undefined` for a Unix socket. */
  readonly tcp: TcpAddress | undefined
  /** Gives the descriptor back to the kernel. */
  close(): void
  /** Makes `server` listen on it as Node does. With `paused`, it accepts nothing until `startAccepting`. */
  listen(server: net.Server, backlog: number | undefined, paused: boolean): void
  /** Errors: `ERR_HANDOVER_BAD_DESCRIPTOR` if the kernel does not let it listen. */
  startAccepting(): void
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
 * Errors: `ERR_HANDOVER_BAD_DESCRIPTOR` if it is closed, not a stream socket, or connected to a peer.
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
  if (!handle) throw badDescriptor(fd, 'Node could not open it')
  if (handle.getpeername?.({}) === 0) throw badDescriptor(fd, 'it is a connection, not a listening socket')
  return adopted(handle, fd)
}

/** As {@link adoptListener}, for a handle that another process sent. */
export function adoptHandle(handle: object): AdoptedListener {
  return adopted(handle as NativeHandle, (handle as NativeHandle).fd)
}

function adopted(handle: NativeHandle, fd: number): AdoptedListener {
  let wantedBacklog = defaultBacklog
  let stay: NodeJS.Timeout | undefined
  let ended: (() => void) | undefined
  return {
    fd,
    tcp: boundAddress(handle),
    close: () => handle.close(),
    listen(server, backlog = defaultBacklog, paused) {
      wantedBacklog = backlog
      // The own property hides the native method: Node sets the server up as usual, but the kernel does not listen.
      if (paused) {
        handle.listen = () => 0
        // libuv does not see it listen, so it would not keep the process running.
        stay = setInterval(() => {}, longestMs)
        ended = observe(server, { before: { close: () => clearInterval(stay) } })
      }
      // As `listen(handle)`, which takes TCP handles only. `listen({ fd })` would create another handle.
      const inside = server as unknown as ServerInside
      inside._handle = handle
      inside._listen2(null, -1, -1, backlog)
    },
    startAccepting() {
      clearInterval(stay)
      ended?.()
      if (!Object.hasOwn(handle, 'listen')) return
      delete (handle as Partial<NativeHandle>).listen
      // If the program has closed the server, the handle is closed too.
      const failed = handle.fd >= 0 && handle.listen(wantedBacklog)
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
      'the process that handed it on keeps serving.',
    { fd },
    cause,
  )
}

/** The descriptor that a server listens on. `undefined` if it does not listen, or the platform has no descriptors. */
export function listenerFd(server: net.Server): number | undefined {
  const fd = handleOf(server)?.fd
  return fd !== undefined && fd >= 0 ? fd : undefined
}

/** Without this, `address()` is null on an inherited Unix socket, and Fastify crashes. */
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

/** Replaces `net.Server.prototype.listen`. Returns a function that restores it. */
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

/** Replaces `net.Server.prototype.close`. Returns a function that restores it. */
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
 * Closes only the listener: `http.Server#close` would close idle connections too. The server emits `close` when the
 * returned function is called, not after its last connection: a listener of `close` may end more than that server.
 * Fastify then closes its second server for `localhost`, with all idle connections.
 */
export function closeListener(server: net.Server): () => void {
  if (!server.listening) return () => {}
  const inside = server as unknown as ServerInside
  // The own property hides Node's method, which it calls at each end of a connection.
  inside._emitCloseIfDrained = () => {}
  net.Server.prototype.close.call(server)
  return () => {
    Reflect.deleteProperty(inside, '_emitCloseIfDrained')
    inside._emitCloseIfDrained?.()
  }
}

export const closeHandle = (handle: object): void => (handle as NativeHandle).close()

/** Whether this Node version can make a server listen on a handle. */
export const canListenOnHandle = (): boolean => '_listen2' in net.Server.prototype

/** Whether these options of `listen` have a native handle: another server, or a socket. */
export const hasNativeHandle = (options: object): boolean => '_handle' in options
