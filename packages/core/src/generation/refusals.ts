/** Why a generation refuses a reload or a drain. */
import { HandoverError, type HandoverErrorCode } from '../base/errors.js'
import type { SharedParts } from './shared-parts.js'

/**
 * Why no reload is possible now; `undefined` if one is. Codes: `ERR_HANDOVER_UNSUPPORTED`, `ERR_HANDOVER_NOT_READY`,
 * `ERR_HANDOVER_IN_PROGRESS`, `ERR_HANDOVER_ALREADY_LISTENING`, `ERR_HANDOVER_DRAINING`.
 */
export function refuseReload(
  parts: Pick<SharedParts, 'self' | 'machine' | 'platform' | 'listeners'>,
): HandoverError | undefined {
  const { self, machine, platform, listeners } = parts
  const { name } = machine.state
  const generation = self.number
  const refuse = refusal(parts)
  const unsupported = platform.unsupported()
  if (unsupported) {
    return refuse(
      'ERR_HANDOVER_UNSUPPORTED',
      `A reload is not possible here: ${unsupported}. The graceful shutdown works.`,
    )
  }
  // Only the first generation can be the process that the container was started with.
  const container = generation === 1 ? platform.endsContainer : undefined
  if (container) {
    return refuse(
      'ERR_HANDOVER_UNSUPPORTED',
      `A reload is not possible here: ${container}, so a handover would end the container. Generation 1 keeps serving. ` +
        'Start the program with handover run, whose pid stays.',
    )
  }
  if (name === 'starting') {
    return refuse(
      'ERR_HANDOVER_NOT_READY',
      `Generation ${generation} is not ready yet, so it cannot be reloaded. Wait for ready().`,
    )
  }
  if (name === 'handing-over' || machine.isOnProbation) {
    return refuse(
      'ERR_HANDOVER_IN_PROGRESS',
      `A reload is under way; generation ${generation} keeps serving. Try again when the reload has ended.`,
    )
  }
  if (machine.isEnding) {
    return refuse('ERR_HANDOVER_DRAINING', `Generation ${generation} is ${name}: it can no longer hand over.`)
  }
  if (!listeners.hasLate) return undefined
  return new HandoverError(
    'ERR_HANDOVER_ALREADY_LISTENING',
    `A reload is not possible: graceful() was called after listen(). Generation ${generation} keeps ` +
      'serving. Call graceful(server) before listen(), and stop and start the service once.',
    { generation },
  )
}

/** Why `drain()` is not possible: this generation must not close a listener that another generation shares. */
export function refuseDrain(
  parts: Pick<SharedParts, 'self' | 'machine' | 'predecessor'>,
): HandoverError | undefined {
  const { self, machine, predecessor } = parts
  const { name } = machine.state
  if (name === 'exited') {
    return refusal(parts)(
      'ERR_HANDOVER_DRAINING',
      `Generation ${self.number} has already drained: no server or connection is open.`,
    )
  }
  const isShared = name === 'handing-over' || machine.isOnProbation || (name === 'starting' && predecessor())
  if (!isShared) return undefined
  return refusal(parts)(
    'ERR_HANDOVER_IN_PROGRESS',
    'A handover is under way, and two generations share the listeners. Nothing was closed. Call drain() again after it.',
  )
}

const refusal =
  ({ self, machine }: Pick<SharedParts, 'self' | 'machine'>) =>
  (code: HandoverErrorCode, message: string): HandoverError =>
    new HandoverError(code, message, { generation: self.number, state: machine.state.name })
