import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

interface Started {
  readonly argv: readonly string[]
  readonly execArgv: readonly string[]
  readonly cwd: () => string
}

/**
 * The script and its arguments at the start of this process. A command-line parser may remove arguments from
 * `process.argv`, as fastify-cli does. The kernel still has them.
 */
export function startArguments(running: Started, commandLine = readCommandLine()): readonly string[] {
  const [, script, ...args] = running.argv
  if (script === undefined) return []
  const cwd = running.cwd()
  const isScript = (each: string, i: number) => i > running.execArgv.length && resolve(cwd, each) === script
  const at = commandLine.findIndex(isScript)
  const given = at < 0 ? [] : commandLine.slice(at + 1)
  return [script, ...(given.length > args.length ? given : args)]
}

/** Empty where /proc is missing. After `process.title` was set, it has the title instead of the command. */
function readCommandLine(): readonly string[] {
  try {
    return readFileSync('/proc/self/cmdline', 'utf8').split('\0').slice(0, -1)
  } catch {
    return []
  }
}
