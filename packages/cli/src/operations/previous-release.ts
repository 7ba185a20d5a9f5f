/** Starts the previous release again for workers that a failed reload has already replaced. */
import { existsSync, realpathSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import type { Command } from '@handover/core/supervision'
import type { PinnedCommand, ReleaseCommand } from '../supervisor/release-command.js'
import { pinNode } from './worker-node.js'

/** `programArgs`, the script first, are the last arguments of `command`. */
export function pin(command: Command, programArgs: readonly string[]): ReleaseCommand {
  const { execPath, args, env } = command
  const [script, ...rest] = programArgs
  const cwd = resolveLinks(command.cwd)
  const before = args.slice(0, args.length - programArgs.length)
  const path = script === undefined ? cwd : resolveLinks(resolve(command.cwd, script))
  return {
    ...command,
    pinned: {
      ...command,
      // The operating system finds a bare name in PATH.
      execPath: isAbsolute(execPath) ? pinNode(execPath) : execPath,
      cwd,
      script: path,
      args: script === undefined ? args : [...before, path, ...rest],
      env: env.PWD === undefined ? env : { ...env, PWD: cwd },
    },
  }
}

/** The reason why `previous` cannot start again; `undefined` if it can. `now` is the new release. */
export function whyUnavailable(previous: PinnedCommand, now: PinnedCommand): string | undefined {
  const { execPath, cwd, script } = previous
  if (execPath === now.execPath && cwd === now.cwd && script === now.script) {
    return `the new release runs the same file, ${script}`
  }
  const missing = [cwd, script, execPath].find((path) => isAbsolute(path) && !existsSync(path))
  return missing && `${missing} no longer exists`
}

function resolveLinks(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
