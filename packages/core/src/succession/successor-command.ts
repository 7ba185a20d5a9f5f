import { existsSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { HandoverError } from '../base/errors.js'
import type { SuccessorOptions } from '../base/settings.js'
import type { Origin } from '../platform/launch-context.js'
import { ownPreload, preloadName } from '../platform/preload-file.js'

export interface Command {
  readonly execPath: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

/**
 * The command that starts the successor: the program of this process, resolved *now*, so that a `current` link leads to
 * its present target. `outcome` ends the message of an error. Errors: `ERR_HANDOVER_PROGRAM_MISSING`.
 */
export function successorCommand(
  origin: Origin,
  running: { readonly execPath: string; readonly execArgv: readonly string[] },
  options: SuccessorOptions,
  outcome = 'This generation keeps serving.',
): Command {
  const cwd = resolve(origin.cwd, options.cwd ?? '.')
  if (!isFolder(cwd)) {
    throw new HandoverError(
      'ERR_HANDOVER_PROGRAM_MISSING',
      `The working directory of the new process, ${cwd}, does not exist. ${outcome}`,
      { cwd },
    )
  }
  const args = options.args ?? origin.args
  const preload = findPreload(args[0], cwd)
  const { PWD } = origin.environment
  const env: NodeJS.ProcessEnv = {
    ...origin.environment,
    ...(PWD !== undefined && { PWD: cwd }),
    ...options.env,
  }
  for (const [name, value] of Object.entries(env)) if (value === undefined) delete env[name]
  return {
    execPath: options.execPath ?? running.execPath,
    args: [
      ...withoutInspectorPort(options.execArgv ?? running.execArgv, env.NODE_OPTIONS),
      ...(preload ? ['--require', preload] : []),
      ...args,
    ],
    cwd,
    env,
  }
}

/** Gives the successor its own inspector port. Removes a breakpoint on the first line, which would block the deployment. */
function withoutInspectorPort(execArgv: readonly string[], nodeOptions = ''): string[] {
  const inspects = [...execArgv, ...nodeOptions.split(' ')].some((each) => each.startsWith('--inspect'))
  if (!inspects) return [...execArgv]
  const isPort = (each: string | undefined) => /^--(inspect|debug)-port(=|$)/.test(each ?? '')
  // The port may be the next argument.
  const isItsValue = (i: number) => isPort(execArgv[i - 1]) && !execArgv[i - 1]?.includes('=')
  const rest = execArgv.filter((each, i) => !isPort(each) && !isItsValue(i))
  return [
    ...rest.map((each) =>
      each.replace(/^--inspect-(brk|wait)/, '--inspect').replace(/^(--inspect)=.*/, '$1'),
    ),
    '--inspect-port=0',
  ]
}

const adapters = ['@handover/fastify', '@handover/express', '@handover/koa']

/**
 * The preload of the successor's release, or ours if that release has none. Node also loads it into each worker thread, so
 * it must exist as long as the successor runs, and the release of this process may be deleted.
 */
function findPreload(script: string | undefined, cwd: string): string | undefined {
  const from = real(resolve(cwd, script ?? '.'))
  const near = [undefined, ...adapters].map((name) => packageNear(from, name, '@handover/core'))
  const preloads = near.flatMap((folder) => (folder ? join(folder, preloadName) : []))
  return preloads.find(existsSync) ?? ownPreload()
}

/**
 * The directory of the package `name` that a program in `from` would load, as a dependency of `dependent` if given. Does
 * not use `require.resolve`, which caches the targets of links and searches NODE_PATH.
 */
function packageNear(from: string, dependent: string | undefined, name: string): string | undefined {
  const start = dependent === undefined ? from : packageNear(from, undefined, dependent)
  if (start === undefined) return undefined
  for (let folder = start; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name)
    if (isFolder(candidate)) return real(candidate)
    if (folder === dirname(folder)) return undefined
  }
}

/** The path with links resolved; the path itself if it does not exist. */
function real(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}
