/** Starts a successor as a process, with the inheritance and the descriptors. */
import type { ChildProcess, SendHandle } from 'node:child_process'
import { HandoverError } from '../base/errors.js'
import { canOpenChannel, withoutHandleQueue } from '../platform/ipc-channel.js'
import type { Platform } from '../platform/process.js'
import { type Inheritance, inheritanceVariable } from '../protocol/inheritance.js'
import type { Command } from './successor-command.js'

/** The standard streams and the channel come first; the listeners follow without a gap (docs/reference/protocol.md). */
export const firstListenerFd = 4
const channelFd = 3

/** A successor as a process: a child of this one, or one that the supervisor has started for it. */
export interface SuccessorProcess {
  readonly pid?: number | undefined
  /** The program to start. */
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
  /** This process no longer waits for it. */
  unref(): void
  /** The process could not be started. */
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown
  on(event: 'exit', listener: (code: number | null, signal: NodeJS.Signals | null) => void): unknown
  on(event: 'disconnect', listener: () => void): unknown
  on(event: 'message', listener: (message: unknown, handle?: unknown) => void): unknown
}

/**
 * Descriptors in `inheritance` are those of this process. Errors: `ERR_HANDOVER_SPAWN`.
 *
 * Node adds its own NODE_CHANNEL_FD behind the variables given here, and getenv(3) finds the first. With an empty one
 * Node sets up no `process.send` in the successor: the preload opens the channel instead, hidden from the program.
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
