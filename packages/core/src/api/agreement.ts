/** Merges the options of several registrations in one process. Each may set what no earlier one has set. */
import { resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { HandoverError } from '../base/errors.js'
import type { Logger } from '../base/logger.js'
import type { Agreed, GracefulOptions } from '../base/settings.js'
import { readOptions } from './read-options.js'

/** Options whose values are paths. */
const paths = ['pidFile', 'control']

/**
 * Adds the options of another registration. A default never conflicts. The first of two loggers applies.
 * Errors: those of `readOptions`, and `ERR_HANDOVER_OPTIONS_CONFLICT`.
 */
export function agree(given: GracefulOptions, raw: unknown, logger: Logger, cwd: string): Agreed {
  readOptions(raw, logger, cwd)
  const added = set((raw ?? {}) as GracefulOptions)
  const options = contradictions(given, added, cwd)
  if (options.length > 0) {
    throw new HandoverError(
      'ERR_HANDOVER_OPTIONS_CONFLICT',
      `An earlier graceful() call in this process set ${options.join(', ')} to another value. A process has one ` +
        'generation: set each option once. The values of the first call still apply, and nothing was changed.',
      { options },
    )
  }
  const all = { ...added, ...set(given) }
  return { given: all, settings: readOptions(all, logger, cwd) }
}

const set = (options: GracefulOptions): GracefulOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

/** The names of the options that both registrations set, but to different values. */
export function contradictions(given: GracefulOptions, added: GracefulOptions, cwd: string): string[] {
  const valueIn = (options: GracefulOptions, name: string): unknown => {
    const value = options[name as keyof GracefulOptions]
    return paths.includes(name) && value !== undefined ? resolve(cwd, value as string) : value
  }
  return Object.keys(added).filter((name) => {
    const [one, other] = [valueIn(given, name), valueIn(added, name)]
    return name !== 'logger' && one !== undefined && other !== undefined && !isDeepStrictEqual(one, other)
  })
}
