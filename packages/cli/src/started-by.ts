/** How a process that the supervisor starts knows who started it, and whom it follows. */
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

/** A process, told apart from a later one of the same pid. */
function identity(pid: number): { pid: number; start?: string } {
  const start = platform.startOf(pid)
  return start === undefined ? { pid } : { pid, start }
}

const predecessorOf = ({ pid, start }: ReturnType<typeof identity>) => ({
  predecessor: pid,
  ...(start === undefined ? {} : { predecessorStart: start }),
})
