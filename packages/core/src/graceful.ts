/** Ties a server, or an application, to the generation of this process. There is one generation per process. */
import net from 'node:net'
import { makeMovable, resumeStream, streamProtocol } from './connections/stream.js'
import { HandoverError } from './errors.js'
import { Generation } from './generation.js'
import type { GracefulHandle } from './handle.js'
import { lineLogger } from './logger.js'
import { contradictions, type GracefulOptions, readOptions } from './options.js'
import { type Origin, readOrigin } from './origin.js'
import { platform } from './platform.js'
import type { Awaited } from './readiness.js'
import { isRecord, wireVersion } from './wire.js'

/** What all copies of core in this process share: there can be an ESM and a CommonJS one, or two versions. */
interface Shared {
  readonly version: number
  readonly origin: Origin
  generation?: { readonly handle: GracefulHandle; readonly internals: Generation }
}

const key = Symbol.for('@handover/core')
const registry = globalThis as unknown as Record<symbol, Shared | undefined>
registry[key] ??= { version: wireVersion, origin: readOrigin(platform) }

/**
 * Makes the process of `server` replaceable: SIGHUP hands over to a successor, SIGTERM and SIGINT drain and
 * leave. To be called before `server.listen(...)`, which stays as it is.
 *
 * @param server - a server of `node:net`, `node:http`, `node:https` or `node:http2`; left out by a program
 *   without one, or that has several and says `ready: 'manual'`.
 * @param options - see {@link GracefulOptions}; a second call may add servers, but not contradict the first.
 * @returns the handle; one per process.
 * @throws HandoverError with the code `ERR_HANDOVER_NOT_A_SERVER`, `ERR_HANDOVER_ALREADY_LISTENING`,
 *   `ERR_HANDOVER_OPTION`, `ERR_HANDOVER_OPTIONS_CONFLICT`, `ERR_HANDOVER_PID_FILE`, `ERR_HANDOVER_COPIES`,
 *   `ERR_HANDOVER_INHERITANCE_MALFORMED`, `ERR_HANDOVER_INHERITANCE_FOREIGN`, `ERR_HANDOVER_WIRE_VERSION` or
 *   `ERR_HANDOVER_BAD_DESCRIPTOR`, before anything was changed.
 */
export function graceful(server: net.Server, options?: GracefulOptions): GracefulHandle
export function graceful(options?: GracefulOptions): GracefulHandle
export function graceful(first?: net.Server | GracefulOptions, second?: GracefulOptions): GracefulHandle {
  if (first instanceof net.Server) return register({ server: checkedServer(first) }, second)
  if (looksLikeAnApplication(first) || second !== undefined) throw notAServer(first)
  return register({ nothing: true }, first)
}

/** What an adapter knows of its application. */
export interface Application {
  /** Its name for messages: `Express`. */
  readonly name: string
  /** Whether a request listener of a server is this application. */
  readonly isHandler: (listener: unknown) => boolean
}

/** For adapters: ties whatever server serves `application`. Throws as {@link graceful} does. */
export function gracefulApplication(
  { name, isHandler }: Application,
  options?: GracefulOptions,
): GracefulHandle {
  return register({ isHandler, application: name }, options)
}

/** For `@handover/core/register`: ties whatever server listens first. */
export function gracefulProgram(options?: GracefulOptions): GracefulHandle {
  return register({ any: true }, options)
}

/** For adapters whose framework closes its server itself. */
export interface ServerRelease {
  /** The framework begins to close: open connections hear of it with their next answer. */
  closing(): void
  /** It has closed: every global is undone. */
  closed(): void
}

/** For adapters: what to do when the owner of `server` closes it without asking for a shutdown. */
export function releaseOf(server: net.Server): ServerRelease {
  return {
    closing: () => shared().generation?.internals.releaseServer(server),
    closed() {
      if (shared().generation?.internals.forgetServer(server)) delete shared().generation
    },
  }
}

/** A function that is also the handle: what Express and Koa take as middleware. */
export function carryHandle<F extends (...args: never[]) => unknown>(
  middleware: F,
  handle: GracefulHandle,
): F & GracefulHandle {
  return Object.defineProperties(middleware, Object.getOwnPropertyDescriptors(handle)) as F & GracefulHandle
}

function register(awaited: Awaited, options: GracefulOptions | undefined): GracefulHandle {
  const { origin, generation } = shared()
  const settings = readOptions(
    options,
    lineLogger((line) => process.stderr.write(line), platform.pid),
    origin.cwd,
  )
  if (generation) {
    const conflicts = contradictions(generation.internals.settings, options ?? {}, origin.cwd)
    if (conflicts.length > 0) throw conflict(conflicts)
    generation.internals.await(awaited)
    return generation.handle
  }
  const internals = new Generation(settings, origin, platform)
  const handle = handleOf(internals)
  shared().generation = { handle, internals }
  internals.await(awaited)
  return handle
}

function shared(): Shared {
  const found = registry[key] as Shared
  if (found.version === wireVersion) return found
  throw new HandoverError(
    'ERR_HANDOVER_COPIES',
    `Two copies of @handover/core that do not fit together (${found.version} and ${wireVersion}) are loaded in this ` +
      'process. Install one version.',
    { theirs: found.version, ours: wireVersion },
  )
}

function handleOf(generation: Generation): GracefulHandle {
  const { hooks, events, predecessor, tracker, arrivals } = generation
  const handle: GracefulHandle = {
    get state() {
      return generation.state.name
    },
    generation: generation.number,
    predecessor: predecessor && {
      pid: predecessor.pid,
      generation: predecessor.generation,
      ended: predecessor.ended,
    },
    reload: () => generation.reload(),
    shutdown: () => generation.shutdown(),
    ready: () => generation.sayReady(),
    connections: () => generation.tracker.counts(),
    on(event, observer) {
      events.on(event, observer as never)
      return this
    },
    off(event, observer) {
      events.off(event, observer as never)
      return this
    },
    beforeReady(hook) {
      hooks.beforeReady.push(hook)
      return this
    },
    onDrained(hook) {
      hooks.drained.push(hook)
      return this
    },
    provideState(provide) {
      hooks.state = provide
      return this
    },
    onHandoverFailed(hook) {
      hooks.failed.push(hook)
      return this
    },
    onHandover(response, hook, options = {}) {
      makeMovable(tracker, response, hook, options)
      return this
    },
    resumeStreams(resume) {
      arrivals.receive(streamProtocol, (arrival) => resumeStream(arrival, tracker, resume))
      return this
    },
    inheritedState: <T>() =>
      (predecessor?.inheritedState() ?? Promise.resolve(undefined)) as Promise<T | undefined>,
  }
  return handle
}

function checkedServer(server: net.Server): net.Server {
  if (!server.listening) return server
  throw new HandoverError(
    'ERR_HANDOVER_ALREADY_LISTENING',
    'graceful(server) was called after server.listen(): whether the listener was inherited is decided there. Call graceful first. Nothing was changed.',
  )
}

function looksLikeAnApplication(value: unknown): boolean {
  return (
    typeof value === 'function' ||
    (value !== undefined && !isRecord(value)) ||
    (isRecord(value) && 'listen' in value)
  )
}

function notAServer(value: unknown): HandoverError {
  const what = value === null || value === undefined ? String(value) : nameOf(value)
  return new HandoverError(
    'ERR_HANDOVER_NOT_A_SERVER',
    `graceful(server) wants a server of node:net, http, https or http2, and was given ${what}. For an application use ` +
      '@handover/fastify, @handover/express or @handover/koa, or give its server. Nothing was changed.',
  )
}

function nameOf(value: unknown): string {
  if (typeof value === 'function')
    return 'handle' in value ? 'an Express application' : `the function ${value.name || '(anonymous)'}`
  if (typeof value !== 'object') return JSON.stringify(value)
  if ('register' in (value as object) && 'inject' in (value as object)) return 'a Fastify instance'
  return 'callback' in (value as object) ? 'a Koa application' : 'an object that is no server'
}

function conflict(names: readonly string[]): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_OPTIONS_CONFLICT',
    `graceful was called before in this process with another value for ${names.join(', ')}. There is one generation per ` +
      'process: give the options once. The first registration stands.',
    { options: names },
  )
}
