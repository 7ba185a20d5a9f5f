/** How a process that the supervisor starts identifies its supervisor and its predecessor. */
import { type Inheritance, platform, type SupervisorEntry, wireVersion } from '@handover/core/supervision'

export function startedBy(
  supervisor: Omit<SupervisorEntry, 'pid' | 'start'>,
  predecessor: number | undefined,
): Pick<Inheritance, 'version' | 'supervisor' | 'predecessor' | 'predecessorStart'> {
  return {
    version: wireVersion,
    supervisor: { ...identity(platform.pid), ...supervisor },
    ...(predecessor !== undefined && predecessorOf(identity(predecessor))),
  }
}

/** A process. The start time distinguishes it from a later process with the same pid. */
function identity(pid: number): { pid: number; start?: string } {
  const start = platform.startOf(pid)
  return start === undefined ? { pid } : { pid, start }
}

const predecessorOf = ({ pid, start }: ReturnType<typeof identity>) => ({
  predecessor: pid,
  ...(start === undefined ? {} : { predecessorStart: start }),
})
