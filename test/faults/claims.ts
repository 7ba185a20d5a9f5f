/** Reads what `handover reload --json` claims, from its exit code and its output. */
import type { Command } from './round-log.js'

export interface ReloadClaim {
  readonly command: Command
  /** `nonsense` means that the exit code contradicts the output or is undocumented. */
  readonly outcome: 'handed-over' | 'failed' | 'refused' | 'unknown' | 'nonsense'
  readonly reports: readonly {
    readonly pid: number
    readonly successor: number | undefined
    readonly handedOver: boolean
  }[]
  readonly why: string
}

interface Printed {
  readonly outcome?: unknown
  readonly reports?: readonly {
    readonly pid?: unknown
    readonly outcome?: unknown
    readonly successor?: { readonly pid?: unknown }
  }[]
  readonly error?: { readonly code?: unknown; readonly message?: unknown }
}

/** The exit codes that packages/cli documents. */
const codes = { done: 0, failed: 1, unreachable: 3, unknown: 4, refused: 5 }

export function readClaim(command: Command): ReloadClaim {
  const printed = parse(command.stdout)
  const said = `exit code ${command.code}; ${command.stdout}${command.stderr}`
  const reports = (printed?.reports ?? []).map(({ pid, successor, outcome }) => ({
    pid: Number(pid),
    successor: typeof successor?.pid === 'number' ? successor.pid : undefined,
    handedOver: outcome === 'handed-over',
  }))
  return { command, outcome: outcomeOf(command.code, printed), reports, why: said.slice(0, 2_000) }
}

function outcomeOf(code: number | null, printed: Printed | undefined): ReloadClaim['outcome'] {
  const outcome = printed?.outcome
  if (code === codes.unreachable || code === codes.unknown) return 'unknown'
  if (code === codes.done && outcome === 'handed-over') return outcome
  if (code === codes.failed && outcome === 'failed') return outcome
  if (code === codes.refused && outcome === 'refused') return outcome
  return 'nonsense'
}

function parse(text: string): Printed | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
