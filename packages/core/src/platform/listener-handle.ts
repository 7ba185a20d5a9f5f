/**
 * The only access to Node's private data of listeners, tested on Node 20.19, 22, 24 and 26. Handover checks that a
 * private member exists before it uses it. If one is missing, a feature is missing too, but nothing crashes
 * (test/handover/platform.test.ts).
 */
import { fstatSync } from 'node:fs'
import net from 'node:net'
import { getSystemErrorName } from 'node:util'
import { HandoverError } from '../base/errors.js'
import { maxTimerMs } from '../base/timeouts.js'
import type { TcpAddress } from '../protocol/inheritance.js'
import { observe } from './hidden-observers.js'

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

/** The native handle to send to another process: Node would track a sent `Server`. */
export const bareListener = (server: net.Server): object | undefined => handleOf(server) ?? undefined

/** An inherited listener. It accepts nothing until a server listens on it. */
export interface AdoptedListener {
  readonly fd: number
  /** The bound address; `undefined` for a Unix socket. */
  readonly tcp: TcpAddress | undefined
  close(): void
  /** Makes `server` listen on this listener. If `paused`, it accepts nothing until {@link startAccepting}. */
  listen(server: net.Server, backlog: number | undefined, paused: boolean): void
  /** Errors: `ERR_HANDOVER_BAD_DESCRIPTOR` if the kernel does not let it listen. */
  startAccepting(): void
}

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
 * Wraps a descriptor, without accepting on it.
 * Errors: `ERR_HANDOVER_BAD_DESCRIPTOR` if it is closed, not a stream socket, or connected to a peer.
 */
export function adoptListener(fd: number): AdoptedListener {
  let handle: NativeHandle | null
  try {
    // `bigint`: see `inodeOf`.
    if (!fstatSync(fd, { bigint: true }).isSocket()) throw new Error('it is not a socket')
    const socket = new net.Socket({ fd, readable: false, writable: false })
    const bare = socket as unknown as { _handle: NativeHandle | null }
    handle = bare._handle
    bare._handle = null
  } catch (cause) {
    throw badDescriptor(fd, cause instanceof Error ? cause.message : String(cause), cause)
  }
  if (!handle) throw badDescriptor(fd, 'Node.js could not open it')
  if (handle.getpeername?.({}) === 0) throw badDescriptor(fd, 'it is a connection, not a listening socket')
  return adopted(handle, fd)
}

/** As {@link adoptListener}, for a handle that another process sent. */
export function adoptHandle(handle: object): AdoptedListener {
  return adopted(handle as NativeHandle, (handle as NativeHandle).fd)
}

function adopted(handle: NativeHandle, fd: number): AdoptedListener {
  let requestedBacklog = defaultBacklog
  let keepAlive: NodeJS.Timeout | undefined
  let unobserve: (() => void) | undefined
  return {
    fd,
    tcp: boundAddress(handle),
    close: () => handle.close(),
    listen(server, backlog = defaultBacklog, paused) {
      requestedBacklog = backlog
      // The own property hides the native method: Node sets up the server as usual, but the kernel does not listen.
      if (paused) {
        handle.listen = () => 0
        // libuv does not know that it listens, so it would not keep the process running.
        keepAlive = setInterval(() => {}, maxTimerMs)
        unobserve = observe(server, { before: { close: () => clearInterval(keepAlive) } })
      }
      // Like `listen(handle)`, which supports only TCP handles. `listen({ fd })` would create another handle.
      const inside = server as unknown as ServerInside
      inside._handle = handle
      inside._listen2(null, -1, -1, backlog)
    },
    startAccepting() {
      clearInterval(keepAlive)
      unobserve?.()
      if (!Object.hasOwn(handle, 'listen')) return
      delete (handle as Partial<NativeHandle>).listen
      // If the program has closed the server, the handle is closed too.
      const failed = handle.fd >= 0 && handle.listen(requestedBacklog)
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
    `Descriptor ${fd} was inherited as a listening socket, but ${why}. This process cannot start. Its predecessor, ` +
      'if any, keeps serving.',
    { fd },
    cause,
  )
}

/** The descriptor that the server listens on. `undefined` if it does not listen, or the platform has no descriptors. */
export function listenerFd(server: net.Server): number | undefined {
  const fd = handleOf(server)?.fd
  return fd !== undefined && fd >= 0 ? fd : undefined
}

/** Without this path, `address()` returns null for an inherited Unix socket, and Fastify crashes. */
export function setSocketPath(server: net.Server, path: string): void {
  ;(server as unknown as { _pipeName: string })._pipeName = path
}

export function takeListener(server: net.Server): object | undefined {
  const inside = server as unknown as ServerInside
  const handle = inside._handle ?? undefined
  inside._handle = null
  return handle
}

/**
 * Replaces the listener of a server without any effect on its program. Until the returned function is called, the server
 * also accepts on the old listener, which does not keep the process running. Returns `undefined` if this version of Node
 * does not support it (test/handover/platform.test.ts).
 */
export function replaceListener(server: net.Server, handle: object): (() => void) | undefined {
  const inside = server as unknown as ServerInside
  const [before, after] = [inside._handle, handle as NativeHandle]
  if (!before || !('onconnection' in before)) return undefined
  // A handle refers to its server by a private symbol.
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

type Listen = (this: net.Server, ...args: unknown[]) => net.Server

/** Replaces `net.Server.prototype.listen`. Returns a function that restores it. */
export function wrapListen(
  replacement: (server: net.Server, args: unknown[], original: (args: unknown[]) => net.Server) => net.Server,
): () => void {
  const prototype = net.Server.prototype as { listen: Listen }
  const before = prototype.listen
  function listenWithHandover(this: net.Server, ...args: unknown[]): net.Server {
    return replacement(this, args, (changed) => before.apply(this, changed))
  }
  prototype.listen = listenWithHandover
  return () => {
    if (prototype.listen === listenWithHandover) prototype.listen = before
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
 * Closes only the listener: `http.Server#close` would also close idle connections. The server emits `close` when the
 * returned function is called, not after its last connection. An earlier `close` event could end more than this server:
 * Fastify then closes its second server for `localhost`, with all idle connections.
 */
export function closeListener(server: net.Server): () => void {
  if (!server.listening) return () => {}
  const inside = server as unknown as ServerInside
  // The own property hides Node's method, which Node calls after each connection.
  inside._emitCloseIfDrained = () => {}
  net.Server.prototype.close.call(server)
  return () => {
    Reflect.deleteProperty(inside, '_emitCloseIfDrained')
    inside._emitCloseIfDrained?.()
  }
}

export const closeHandle = (handle: object): void => (handle as NativeHandle).close()

export const canListenOnHandle = (): boolean => '_listen2' in net.Server.prototype

/** Whether the options of `listen` are an object with a native handle: another server, or a socket. */
export const hasNativeHandle = (options: object): boolean => '_handle' in options
