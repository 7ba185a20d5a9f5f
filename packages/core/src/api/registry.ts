/** What all copies of core in this process share: there can be an ESM and a CommonJS one, or two versions. */

import { HandoverError } from '../base/errors.js'
import type { GracefulOptions } from '../base/settings.js'
import type { ConnectionReceiver } from '../connections/movable.js'
import { Generation } from '../generation/generation.js'
import { lateServer, lateSuccessor } from '../generation/late-server.js'
import type { ReadyCondition } from '../generation/readiness.js'
import { type Origin, readOrigin } from '../platform/launch-context.js'
import { platform } from '../platform/process.js'
import { lineLogger } from '../platform/stderr-logger.js'
import { wireVersion } from '../protocol/version.js'
import { agree } from './agreement.js'
import { handleOf } from './create-handle.js'
import type { GracefulHandle } from './handle.js'

interface Shared {
  readonly version: number
  origin: Origin
  generation?: { readonly handle: GracefulHandle; readonly internals: Generation }
  /** Who goes on with which protocol, as long as there is no generation that could be told. */
  receivers?: Map<string, ConnectionReceiver>
}

const key = Symbol.for('@handover/core')
const registry = globalThis as unknown as Record<symbol, Shared | undefined>
registry[key] ??= { version: wireVersion, origin: readOrigin(platform) }

/** Adds `awaited` to the generation of this process, which begins with the first registration. */
export function register(awaited: ReadyCondition, options: GracefulOptions | undefined): GracefulHandle {
  const { origin, generation } = shared()
  if (origin.inheritance !== undefined && lateServer(awaited, generation?.internals.listeners))
    throw lateSuccessor()
  if (generation) {
    const { given } = generation.internals
    generation.internals.applyOptions(agree(given, options, lineLogger(platform.pid), origin.cwd))
    generation.internals.await(awaited)
    return generation.handle
  }
  const internals = new Generation(agree({}, options, lineLogger(platform.pid), origin.cwd), origin, platform)
  internals.start()
  const handle = handleOf(internals)
  shared().generation = { handle, internals }
  internals.undoAtEnd(forget)
  for (const [protocol, receiver] of shared().receivers ?? []) internals.incoming.receive(protocol, receiver)
  delete shared().receivers
  internals.await(awaited)
  return handle
}

/** Connections of `protocol` that the predecessor moves go to `receiver`, whether there is a generation yet or not. */
export function receive(protocol: string, receiver: ConnectionReceiver): void {
  const all = shared()
  if (all.generation) {
    all.generation.internals.incoming.receive(protocol, receiver)
    return
  }
  all.receivers ??= new Map()
  all.receivers.set(protocol, receiver)
}

/** The generation of this process, once there is one. */
export const currentGeneration = (): Generation | undefined => shared().generation?.internals

/** The next registration starts from scratch. It inherits nothing. */
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
    `Two copies of @handover/core that do not fit together (${found.version} and ${wireVersion}) are loaded in this ` +
      'process. Install one version.',
    { theirs: found.version, ours: wireVersion },
  )
}
