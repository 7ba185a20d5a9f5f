/** What adapters need in addition to `graceful`: for frameworks, and for protocols whose connections move. */
import type net from 'node:net'
import { type Logger, silent } from '../base/logger.js'
import { defaults, type GracefulOptions } from '../base/settings.js'
import { Http1Connection } from '../connections/http1.js'
import type { MovableConnection } from '../connections/movable.js'
import { platform } from '../platform/process.js'
import { problemLogger } from '../platform/stderr-logger.js'
import type { GracefulHandle } from './handle.js'
import { currentGeneration, register } from './registry.js'

/** The application of an adapter. */
export interface Application {
  /** The name for messages, such as `Express`. */
  readonly name: string
  /** Whether this request listener of a server is the application. */
  readonly isHandler: (listener: unknown) => boolean
  /** Called when a server of the application listens, before the first client connects. */
  readonly onListening?: () => void
}

/** For adapters: registers the servers that call the application. Throws the errors of {@link graceful}. */
export function gracefulApplication(
  { name, isHandler, onListening }: Application,
  options?: GracefulOptions,
): GracefulHandle {
  return register({ isHandler, application: name, onListening }, options)
}

/** For adapters whose framework logs nothing: logs warnings and errors on standard error. */
export const warningLogger = (): Logger => problemLogger(platform.pid)

/** For adapters whose framework closes its server itself. */
export interface ServerRelease {
  /** Call when the framework begins to close the server. Idle connections close after `lingerMs`. */
  closing(): void
  /** Call when the server has closed. After the last server, Handover removes its signal listeners and other globals. */
  closed(): void
}

/** For adapters whose framework closes `server` itself, without a shutdown of the process. */
export function releaseOf(server: net.Server): ServerRelease {
  return {
    closing: () => currentGeneration()?.serverDrains.release(server),
    closed: () => void currentGeneration()?.forgetServer(server),
  }
}

/** Adds the handle to `middleware`, so that Express and Koa can use the result as middleware. */
export function carryHandle<F extends (...args: never[]) => unknown>(
  middleware: F,
  handle: GracefulHandle,
): F & GracefulHandle {
  return Object.defineProperties(middleware, Object.getOwnPropertyDescriptors(handle)) as F & GracefulHandle
}

/**
 * For protocols: makes an upgraded connection movable; `undefined` undoes this. Returns `false` if the connection cannot
 * move: it uses TLS, or no HTTP server of this process accepted it.
 */
export function makeConnectionMovable(socket: net.Socket, movable: MovableConnection | undefined): boolean {
  const tracker = currentGeneration()?.parts.tracker
  const connection = tracker?.connectionOf(socket)
  if (!(connection instanceof Http1Connection)) return false
  tracker?.setMovable(connection, movable)
  return true
}

/** What a protocol needs to know about its process. */
export interface Surroundings {
  readonly logger: Logger
  /** Milliseconds until the drain ends open connections; infinite if this generation does not drain. */
  readonly drainMs: number
  /** Milliseconds that a callback of the application may take: `hookTimeoutMs`. */
  readonly hookMs: number
}

/** For protocols: describes the process at this moment. */
export function surroundings(): Surroundings {
  const { logger = silent, settings, machine } = currentGeneration()?.parts ?? {}
  const { state } = machine ?? {}
  return {
    logger,
    drainMs: state?.name === 'draining' ? state.drain.msLeft : Number.POSITIVE_INFINITY,
    hookMs: (settings?.() ?? defaults).hookTimeoutMs,
  }
}
