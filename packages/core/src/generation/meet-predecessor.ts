import type { ControlEndpoint } from '../control/endpoint.js'
import { withoutHandleQueue } from '../platform/ipc-channel.js'
import type { Inheritance } from '../protocol/inheritance.js'
import { Predecessor } from '../succession/predecessor.js'
import type { IncomingConnections } from '../transfer/incoming.js'
import type { ControlTarget } from './control-target.js'
import type { DrainingLimit } from './draining-limit.js'
import type { SharedParts } from './shared-parts.js'
import type { SignalRequests } from './signal-requests.js'
import type { TakeOver } from './take-over.js'

export interface MeetParts extends Pick<SharedParts, 'logger' | 'machine' | 'platform'> {
  readonly takeOver: TakeOver
  readonly incoming: IncomingConnections
  readonly control: ControlTarget
  readonly endpoint: ControlEndpoint
  readonly drainingLimit: DrainingLimit
  readonly signals: SignalRequests
  readonly shutdown: () => void
}

/** `undefined` where the supervisor started a process that replaces none. */
export function meetPredecessor(
  { predecessor, predecessorStart, supervisor, generation }: Inheritance,
  { logger, machine, platform, takeOver, incoming, control, endpoint, ...parts }: MeetParts,
): Predecessor | undefined {
  if (predecessor === undefined) return undefined
  const channel = platform.channel()
  // Duplicates of the listeners go over it.
  if (channel && !supervisor) withoutHandleQueue(channel)
  const identity = { pid: predecessor, start: predecessorStart }
  return new Predecessor(identity, generation - 1, platform, {
    onTakeOver: () => takeOver.onTakeOver(),
    onOwn: () => takeOver.onOwn(),
    onLetGo: () => takeOver.onLetGo(),
    onTakenBack: () => {
      logger.info({ predecessor }, `predecessor ${predecessor} keeps the service: shutting down`)
      parts.shutdown()
    },
    onEnded: () => {
      incoming.close()
      takeOver.onPredecessorEnded()
    },
    onConnection: (message, handle) => incoming.arrive(message, handle),
    onFollowUp: (id, data) => incoming.receiveFollowUp(id, data),
    onFinished: (report) => machine.notify('predecessor-finished', report),
    onStatus: (message) => {
      control.onPredecessorStatus(message)
      parts.drainingLimit.consider(message.generations)
    },
    onReloadAgain: (signal) => parts.signals.requestReload(signal),
    onControlClient: (handle, client) => endpoint.adopt(handle, client),
  })
}
