import type { GracefulOptions, Settings } from '../base/settings.js'
import type { SupervisorEntry } from '../protocol/inheritance.js'

/** Options for tasks that the supervisor performs. */
const supervisorOptions = ['pidFile', 'control', 'successor', 'exit'] as const satisfies (keyof Settings)[]

/** The settings of the program under a supervisor, whose limits override those of the program. */
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

/** Names of the options that have no effect under a supervisor. */
export const unusedOptions = (given: GracefulOptions): string[] =>
  supervisorOptions.filter((name) => given[name] !== undefined)
