import { HandoverError } from '../base/errors.js'
import { tooLate } from './late-server.js'
import type { State } from './lifecycle.js'

export interface ReloadCircumstances {
  readonly generation: number
  /** Why this process cannot hand over at all. */
  readonly unsupported: string | undefined
  /** A server listened before `graceful(server)` was called. */
  readonly hasLate: boolean
}

/**
 * Why there can be no reload now; `undefined`: there can. Codes: `ERR_HANDOVER_UNSUPPORTED`, `ERR_HANDOVER_NOT_READY`,
 * `ERR_HANDOVER_IN_PROGRESS`, `ERR_HANDOVER_ALREADY_LISTENING`, `ERR_HANDOVER_DRAINING`.
 */
export function refuseReload(
  state: State,
  { generation, unsupported, hasLate }: ReloadCircumstances,
): HandoverError | undefined {
  const facts = { generation, state: state.name }
  if (unsupported) {
    return new HandoverError(
      'ERR_HANDOVER_UNSUPPORTED',
      `A reload is not possible here: ${unsupported}. The graceful shutdown works.`,
      facts,
    )
  }
  if (state.name === 'starting') {
    return new HandoverError(
      'ERR_HANDOVER_NOT_READY',
      `Generation ${generation} is not ready yet, so it cannot be reloaded. Wait for ready().`,
      facts,
    )
  }
  if (state.name === 'handing-over' || (state.name === 'ready' && state.onProbation)) {
    return new HandoverError(
      'ERR_HANDOVER_IN_PROGRESS',
      `A reload is under way; generation ${generation} serves. Ask again when it has ended.`,
      facts,
    )
  }
  if (state.name === 'ready') return hasLate ? tooLate(generation) : undefined
  return new HandoverError(
    'ERR_HANDOVER_DRAINING',
    `Generation ${generation} is ${state.name}: it can hand over no more.`,
    facts,
  )
}
