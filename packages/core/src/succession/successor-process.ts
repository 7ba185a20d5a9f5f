/** Starts the process of a successor, with the inheritance and the descriptors. */
import type { ChildProcess, SendHandle } from 'node:child_process'
import { HandoverError } from '../base/errors.js'
import { canOpenChannel, withoutHandleQueue } from '../platform/ipc-channel.js'
import type { Platform } from '../platform/process.js'
import { type Inheritance, inheritanceVariable } from '../protocol/inheritance.js'
import type { Command } from './successor-command.js'

/** The standard streams and the channel come first, then the listeners without a gap (docs/reference/protocol.md). */
export const firstListenerFd = 4
const channelFd = 3

/** The process of a successor: a child of this process, or a process that the supervisor has started for it. */
export interface SuccessorProcess {
  readonly pid?: number | undefined
  readonly spawnfile?: string
  readonly connected: boolean
  readonly channel?: { unref(): void } | null | undefined
  send(
    message: object,
    handle: SendHandle | undefined,
    options: object,
    done: (error: Error | null) => void,
  ): boolean
  kill(signal: NodeJS.Signals): boolean
  /** Lets this process exit before the successor. */
  unref(): void
  /** The process could not be started. */
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown
  on(event: 'exit', listener: (code: number | null, signal: NodeJS.Signals | null) => void): unknown
  on(event: 'disconnect', listener: () => void): unknown
  on(event: 'message', listener: (message: unknown, handle?: unknown) => void): unknown
}

/**
 * The descriptors in `inheritance` are those of this process. Errors: `ERR_HANDOVER_SPAWN`.
 *
 * Node appends its own NODE_CHANNEL_FD to the environment, and getenv(3) finds the first one. Because that one is empty,
 * Node does not set up `process.send` in the successor: the preload opens the channel, hidden from the program.
 */
export function spawnSuccessor(platform: Platform, command: Command, inheritance: Inheritance): ChildProcess {
  const { execPath, args, cwd } = command
  const fds = inheritance.listeners.map(({ fd }) => fd)
  const listeners = inheritance.listeners.map((entry, i) => ({ ...entry, fd: firstListenerFd + i }))
  const hidden = canOpenChannel()
  const given: Inheritance = { ...inheritance, listeners, ...(hidden && { channel: channelFd }) }
  const env = {
    ...command.env,
    [inheritanceVariable]: JSON.stringify(given),
    ...(hidden && { NODE_CHANNEL_FD: '' }),
  }
  // The successor inherits standard error: a pipe through this process would break when it exits.
  const stdio = [0, 1, 2, 'ipc' as const, ...fds]
  try {
    const child = platform.spawn(execPath, args, { cwd, env, stdio, serialization: 'advanced' })
    withoutHandleQueue(child)
    return child
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
