/** What all copies of core in this process share. A process can load an ESM and a CommonJS copy, or two versions. */
import { HandoverError } from '../base/errors.js'
import type { Agreed, GracefulOptions } from '../base/settings.js'
import type { ConnectionReceiver } from '../connections/movable.js'
import { Generation } from '../generation/generation.js'
import { lateServers, lateSuccessor } from '../generation/late-server.js'
import type { ReadyCondition } from '../generation/readiness.js'
import { type Origin, readOrigin } from '../platform/launch-context.js'
import { platform } from '../platform/process.js'
import { defaultLogger } from '../platform/stderr-logger.js'
import { wireVersion } from '../protocol/version.js'
import type { MeetPeer } from '../transfer/peers.js'
import { agree } from './agreement.js'
import { handleOf } from './create-handle.js'
import type { GracefulHandle } from './handle.js'

interface Shared {
  readonly version: number
  origin: Origin
  generation?: { readonly handle: GracefulHandle; readonly internals: Generation }
  /** What protocols registered before the generation started. */
  waiting?: ((internals: Generation) => void)[]
}

const key = Symbol.for('@handover/core')
const registry = globalThis as unknown as Record<symbol, Shared | undefined>
registry[key] ??= { version: wireVersion, origin: readOrigin(platform) }

/** Adds a registration to the generation of this process. The first registration starts the generation. */
export function register(condition: ReadyCondition, options: GracefulOptions | undefined): GracefulHandle {
  const { origin, generation } = shared()
  const existing = generation?.internals
  if (origin.inheritance !== undefined && lateServers(condition, existing?.parts.listeners).length > 0)
    throw lateSuccessor()
  const agreed = agree(existing?.given ?? {}, options, defaultLogger(platform.pid), origin.cwd)
  existing?.applyOptions(agreed)
  const { handle, internals } = generation ?? begin(agreed)
  internals.await(condition)
  return handle
}

function begin(agreed: Agreed): NonNullable<Shared['generation']> {
  const all = shared()
  const internals = new Generation(agreed, all.origin, platform)
  internals.start()
  const generation = { handle: handleOf(internals), internals }
  all.generation = generation
  internals.parts.undoAtEnd(forget)
  for (const register of all.waiting ?? []) register(internals)
  delete all.waiting
  return generation
}

/**
 * For protocols: registers the receiver of connections that the predecessor moves. Call it before this generation is
 * ready, before or after `graceful`.
 */
export function receiveConnections(protocol: string, receiver: ConnectionReceiver): void {
  withGeneration(({ parts }) => parts.incoming.receive(protocol, receiver))
}

/**
 * For protocols: exchanges data with the same protocol in the predecessor and in each successor. Call it before this
 * generation is ready, before or after `graceful`.
 */
export function meetPeers(protocol: string, meet: MeetPeer): void {
  withGeneration(({ parts }) => parts.peers.register(protocol, meet))
}

/** Calls `register` now, or when the generation starts. */
function withGeneration(register: (internals: Generation) => void): void {
  const all = shared()
  if (all.generation) {
    register(all.generation.internals)
    return
  }
  all.waiting ??= []
  all.waiting.push(register)
}

/** The generation of this process; `undefined` before the first registration. */
export const currentGeneration = (): Generation | undefined => shared().generation?.internals

/** The next registration starts a first generation, which inherits nothing. */
function forget(): void {
  const all = shared()
  delete all.generation
  all.origin = { ...all.origin, inheritance: undefined, activation: undefined }
}

function shared(): Shared {
  const found = registry[key] as Shared
  if (found.version === wireVersion) return found
  throw new HandoverError(
    'ERR_HANDOVER_COPIES',
    `This process loaded two incompatible copies of @handover/core (protocol versions ${found.version} and ` +
      `${wireVersion}). Install one version.`,
    { theirs: found.version, ours: wireVersion },
  )
}
