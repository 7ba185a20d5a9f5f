/** How the supervisor identifies itself, and the predecessor, to a worker that it starts. */
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

/** The start time distinguishes a process from a later one with the same pid. */
function identity(pid: number): { pid: number; start?: string } {
  const start = platform.startOf(pid)
  return start === undefined ? { pid } : { pid, start }
}

const predecessorOf = ({ pid, start }: ReturnType<typeof identity>) => ({
  predecessor: pid,
  ...(start === undefined ? {} : { predecessorStart: start }),
})
