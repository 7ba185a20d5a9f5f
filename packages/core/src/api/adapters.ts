/** What the adapters need beside `graceful`: for frameworks, and for protocols that go on in the successor. */
import type net from 'node:net'
import { type Logger, silent } from '../base/logger.js'
import { defaults, type GracefulOptions } from '../base/settings.js'
import { Http1Connection } from '../connections/http1.js'
import type { ConnectionReceiver, MovableConnection } from '../connections/movable.js'
import type { GracefulHandle } from './handle.js'
import { currentGeneration, receive, register } from './registry.js'

/** What an adapter knows of its application. */
export interface Application {
  /** Its name for messages: `Express`. */
  readonly name: string
  /** Whether a request listener of a server is this application. */
  readonly isHandler: (listener: unknown) => boolean
  /** Called when a server that calls it listens, before anybody has connected to that. */
  readonly onListening?: () => void
}

/** For adapters: ties whatever server serves `application`. Throws as {@link graceful} does. */
export function gracefulApplication(
  { name, isHandler, onListening }: Application,
  options?: GracefulOptions,
): GracefulHandle {
  return register({ isHandler, application: name, onListening }, options)
}

/** For adapters whose framework closes its server itself. */
export interface ServerRelease {
  /** Call when the framework begins to close: its idle connections close after `lingerMs`. */
  closing(): void
  /** It has closed: every global is undone. */
  closed(): void
}

/** For adapters: what to do when the owner of `server` closes it without asking for a shutdown. */
export function releaseOf(server: net.Server): ServerRelease {
  return {
    closing: () => currentGeneration()?.serverDrains.release(server),
    closed: () => void currentGeneration()?.forgetServer(server),
  }
}

/** A function that is also the handle: what Express and Koa take as middleware. */
export function carryHandle<F extends (...args: never[]) => unknown>(
  middleware: F,
  handle: GracefulHandle,
): F & GracefulHandle {
  return Object.defineProperties(middleware, Object.getOwnPropertyDescriptors(handle)) as F & GracefulHandle
}

/**
 * For protocols: lets a connection be moved in the middle of its protocol; `undefined` takes that back. Returns
 * whether the connection is one of ours: plain, and accepted by an HTTP server of this process.
 */
export function makeConnectionMovable(socket: net.Socket, movable: MovableConnection | undefined): boolean {
  const tracker = currentGeneration()?.tracker
  const connection = tracker?.connectionOf(socket)
  if (!(connection instanceof Http1Connection)) return false
  tracker?.setMovable(connection, movable)
  return true
}

/**
 * For protocols: registers the receiver of connections that the predecessor moves. Call it before this generation is
 * ready, before or after `graceful`.
 */
export function receiveConnections(protocol: string, receiver: ConnectionReceiver): void {
  receive(protocol, receiver)
}

/** What a protocol needs to know of the process that it is in. */
export interface Surroundings {
  readonly logger: Logger
  /** Milliseconds until the drain ends whatever is open; infinite while nothing drains. */
  readonly drainMs: number
  /** Milliseconds that the application may take for what it is asked: `hookTimeoutMs`. */
  readonly hookMs: number
}

/** For protocols: how it is now. */
export function surroundings(): Surroundings {
  const { logger = silent, settings, machine } = currentGeneration() ?? {}
  const { state } = machine ?? {}
  return {
    logger,
    drainMs: state?.name === 'draining' ? state.drain.msLeft : Number.POSITIVE_INFINITY,
    hookMs: (settings ?? defaults).hookTimeoutMs,
  }
}
