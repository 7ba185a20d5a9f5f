/** What the operating system is given when a successor is started. */
import type { ChildProcess } from 'node:child_process'
import type { Command } from './command.js'
import { HandoverError } from './errors.js'
import type { Platform } from './platform.js'
import { type Inheritance, inheritanceVariable } from './wire.js'

/** Standard streams and the channel: the listeners come right behind, without a gap (docs/protocol.md). */
export const firstListenerFd = 4

/** Descriptors in `inheritance` are those of this process. Errors: `ERR_HANDOVER_SPAWN`. */
export function spawnSuccessor(platform: Platform, command: Command, inheritance: Inheritance): ChildProcess {
  const { execPath, args, cwd } = command
  const fds = inheritance.listeners.map(({ fd }) => fd)
  const listeners = inheritance.listeners.map((entry, i) => ({ ...entry, fd: firstListenerFd + i }))
  const env = { ...command.env, [inheritanceVariable]: JSON.stringify({ ...inheritance, listeners }) }
  // Standard error stays the real one: a pipe through us would break when we leave.
  const stdio = [0, 1, 2, 'ipc' as const, ...fds]
  try {
    return platform.spawn(execPath, args, { cwd, env, stdio, serialization: 'advanced' })
  } catch (error) {
    throw notStarted(execPath, error as Error)
  }
}

export function notStarted(execPath: string, cause: Error): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_SPAWN',
    `The successor could not be started: ${execPath}: ${cause.message}. This generation keeps serving.`,
    { execPath },
    cause,
  )
}
