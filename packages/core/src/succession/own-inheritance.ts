/** Reads the inheritance of this process, and checks that it is for this process. */
import { HandoverError } from '../base/errors.js'
import type { Origin } from '../platform/launch-context.js'
import type { Platform, ProcessIdentity } from '../platform/process.js'
import { type Inheritance, readInheritance } from '../protocol/inheritance.js'

/** How long a killed process may count as running after it has lost its children, and how often to check. */
const endingMs = 1_000
const endingPollMs = 5

/** The inheritance of this process; `undefined` in the first generation. Errors: `ERR_HANDOVER_INHERITANCE_…`. */
export function readOwnInheritance(origin: Origin, platform: Platform): Inheritance | undefined {
  if (origin.inheritance === undefined) return undefined
  const inheritance = readInheritance(origin.inheritance)
  const starter = inheritance.supervisor?.pid ?? (inheritance.predecessor as number)
  const start = inheritance.supervisor ? inheritance.supervisor.start : inheritance.predecessorStart
  // A starter that was killed while this process booted is no longer its parent, but has opened the channel.
  const isOrphan = () => origin.hadChannel && endsSoon({ pid: starter, start }, platform)
  if (platform.ppid === starter || isOrphan()) return inheritance
  throw new HandoverError(
    'ERR_HANDOVER_INHERITANCE_FOREIGN',
    `The handover variables are for a child of process ${starter}, and this process (${platform.pid}) is a child of ` +
      `${platform.ppid}. Nothing was inherited. Start it without them, or without a program in between.`,
    { starter, pid: platform.pid, ppid: platform.ppid },
  )
}

/** A killed process loses its children a moment before it counts as ended. */
function endsSoon(process: ProcessIdentity, platform: Platform): boolean {
  const deadline = platform.now() + endingMs
  while (platform.isSame(process)) {
    if (platform.now() > deadline) return false
    platform.sleep(endingPollMs)
  }
  return true
}
