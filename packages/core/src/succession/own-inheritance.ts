/** Reads the inheritance of this process, and checks that this process may use it. */
import { HandoverError } from '../base/errors.js'
import type { Origin } from '../platform/launch-context.js'
import type { Platform, ProcessIdentity } from '../platform/process.js'
import { type Inheritance, inheritanceVariable, readInheritance } from '../protocol/inheritance.js'

/** How long a killed process may still count as running after it has lost its children, and how often to check. */
const endingMs = 1_000
const endingPollMs = 5

/** Returns `undefined` in the first generation. Errors: `ERR_HANDOVER_INHERITANCE_…`. */
export function readOwnInheritance(origin: Origin, platform: Platform): Inheritance | undefined {
  if (origin.inheritance === undefined) return undefined
  const inheritance = readInheritance(origin.inheritance)
  const starter = inheritance.supervisor?.pid ?? (inheritance.predecessor as number)
  const start = inheritance.supervisor ? inheritance.supervisor.start : inheritance.predecessorStart
  // If the starter was killed while this process booted, it is no longer its parent, but it has opened the channel.
  const isOrphan = () => origin.hadChannel && endsSoon({ pid: starter, start }, platform)
  if (platform.ppid === starter || isOrphan()) return inheritance
  throw new HandoverError(
    'ERR_HANDOVER_INHERITANCE_FOREIGN',
    `${inheritanceVariable} is for a child of process ${starter}, but this process (${platform.pid}) is a child of ` +
      `${platform.ppid}. Nothing was inherited. Unset the variable, or start this process without a program in between.`,
    { starter, pid: platform.pid, ppid: platform.ppid },
  )
}

/** Whether the process ends within {@link endingMs}. A killed process loses its children before it counts as ended. */
function endsSoon(process: ProcessIdentity, platform: Platform): boolean {
  const deadline = platform.now() + endingMs
  while (platform.isSame(process)) {
    if (platform.now() > deadline) return false
    platform.sleep(endingPollMs)
  }
  return true
}
