/** The options of a program under a supervisor. */
import type { GracefulOptions, Settings } from '../base/settings.js'
import type { SupervisorEntry } from '../protocol/inheritance.js'

/** Options that the supervisor sees to. */
const notOurs = ['pidFile', 'control', 'successor', 'exit'] as const satisfies readonly (keyof Settings)[]

/** The options of the program under a supervisor: its limits win, and what it sees to itself is left to it. */
export function supervisedSettings(settings: Settings, entry: SupervisorEntry): Settings {
  const { readyTimeoutMs = settings.readyTimeoutMs, drainTimeoutMs = settings.drainTimeoutMs } = entry
  return {
    ...settings,
    readyTimeoutMs,
    drainTimeoutMs,
    pidFile: undefined,
    control: undefined,
    successor: {},
    exit: true,
  }
}

/** Names of options that have no effect here. */
export const ignored = (given: GracefulOptions): string[] =>
  notOurs.filter((name) => given[name] !== undefined)
