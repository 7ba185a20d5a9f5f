import { accessSync, constants as fsConstants, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { inspect } from 'node:util'
import { closestName } from '../base/closest-name.js'
import { HandoverError } from '../base/errors.js'
import { isRecord } from '../base/guards.js'
import type { Logger } from '../base/logger.js'
import { defaults, type Settings } from '../base/settings.js'
import { maxPathBytes } from '../platform/socket-file.js'
import { checks } from './option-checks.js'

/**
 * Checks options and fills in the defaults. `cwd` resolves relative paths.
 * Errors: `ERR_HANDOVER_OPTION` (wrong name, type or range), `ERR_HANDOVER_PID_FILE` and `ERR_HANDOVER_CONTROL` (the
 * folder is missing or not writable).
 */
export function readOptions(raw: unknown, logger: Logger, cwd: string): Settings {
  if (raw !== undefined && !isRecord(raw)) throw wrong('options', raw, 'an object')
  const given = Object.entries(raw ?? {}).filter(([, value]) => value !== undefined)
  for (const [name, value] of given) {
    const check = Object.hasOwn(checks, name) ? checks[name as keyof Settings] : undefined
    if (!check) throw rejected(name, value, notAnOption(name))
    const expected = check(value)
    if (expected) throw wrong(name, value, expected)
  }
  const settings = { ...defaults, logger, ...Object.fromEntries(given) } as Settings
  const twice = settings.reloadSignals.find((signal) => settings.shutdownSignals.includes(signal))
  if (twice) throw wrong('reloadSignals', twice, 'signals that are not in shutdownSignals')
  const pathOf = (option: 'pidFile' | 'control') => {
    const path = settings[option]
    return path === undefined ? undefined : checkedPath(option, resolve(cwd, path))
  }
  return { ...settings, pidFile: pathOf('pidFile'), control: pathOf('control') }
}

const wrong = (option: string, value: unknown, expected: string) =>
  rejected(option, value, `must be ${expected}`)

function notAnOption(name: string): string {
  const names = Object.keys(checks)
  const closest = closestName(name, names)
  return `is not an option: ${closest ? `did you mean "${closest}"?` : `use one of ${names.join(', ')}`}`
}

function rejected(option: string, value: unknown, problem: string): HandoverError {
  const shown = inspect(value, { breakLength: Number.POSITIVE_INFINITY, maxStringLength: 100 })
  const then = problem.endsWith('?') ? ' Its' : '; its'
  return new HandoverError(
    'ERR_HANDOVER_OPTION',
    `graceful: "${option}" ${problem}${then} value was ${shown.slice(0, 100)}. Nothing was changed.`,
    { option, value },
  )
}

/** Returns the resolved path, whose folder must exist and be writable. */
function checkedPath(option: 'pidFile' | 'control', path: string): string {
  const isControl = option === 'control'
  try {
    if (isControl && Buffer.byteLength(path) > maxPathBytes)
      throw new Error(`the path is longer than ${maxPathBytes} bytes`)
    const folder = dirname(path)
    if (!statSync(folder).isDirectory()) throw new Error(`${folder} is not a folder`)
    accessSync(folder, fsConstants.W_OK)
    return path
  } catch (cause) {
    throw new HandoverError(
      isControl ? 'ERR_HANDOVER_CONTROL' : 'ERR_HANDOVER_PID_FILE',
      `graceful: cannot create the ${isControl ? 'control socket' : 'PID file'} ${path}: ${(cause as Error).message}. ` +
        'Nothing was changed.',
      { [option]: path },
      cause,
    )
  }
}
