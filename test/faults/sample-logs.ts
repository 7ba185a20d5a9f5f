/** Builds round logs for tests of the oracle. */
import type { Failure } from '@handover/load'
import type { Fact } from '../support/story.js'
import type { Command, RoundLog, Snapshot } from './round-log.js'

export const [first, second, supervisor] = [101, 102, 100]

/** Builds facts from a pid and an event such as `started`, `listening`, `report`, `fault exit` or a state. */
export function factsOf(...lines: readonly (readonly [pid: number, what: string])[]): Fact[] {
  return lines.map(([pid, what], index) => ({ index, pid, generation: pid - 100, ...detailsOf(what) }))
}

function detailsOf(what: string): { event: string; [detail: string]: unknown } {
  if (/^(started|listening)$/.test(what)) return { event: what }
  if (what === 'report') return { event: 'report', report: { drain: { cut: [] } } }
  if (what === 'cut') return { event: 'report', report: { drain: { cut: [{ what: 'GET /' }] } } }
  if (what.startsWith('fault ')) return { event: 'fault', how: what.slice(6), at: 0 }
  if (what === 'probation') return { event: 'state', state: 'ready', onProbation: true }
  if (what === 'handed over') return { event: 'state', state: 'draining', because: 'handed-over' }
  if (what === 'shutdown') return { event: 'state', state: 'draining', because: 'shutdown' }
  return { event: 'state', state: what }
}

export const gen1: readonly (readonly [number, string])[] = [
  [first, 'started'],
  [first, 'listening'],
  [first, 'ready'],
]

/** A complete reload without a fault. */
export const reloaded: readonly (readonly [number, string])[] = [
  ...gen1,
  [first, 'handing-over'],
  [second, 'started'],
  [second, 'listening'],
  [second, 'probation'],
  [second, 'ready'],
  [first, 'handed over'],
  [first, 'report'],
  [first, 'exited'],
]

export const stopped = (pid: number): readonly (readonly [number, string])[] => [
  [pid, 'shutdown'],
  [pid, 'report'],
  [pid, 'exited'],
]

export const upWith = (pid: number, named = pid): Snapshot => ({
  running: named === pid ? [pid] : [named, pid],
  answers: [pid, pid],
  pidFile: String(named),
  pidFileLives: true,
  control: [pid],
  files: ['control.sock', 'service.pid'],
})

export const gone: Snapshot = {
  running: [],
  answers: [],
  pidFile: undefined,
  pidFileLives: false,
  control: 'nothing runs',
  files: [],
}

export const failureOf = (kind: Failure['kind'], pid?: number): Failure => ({
  workload: 'keep-alive',
  client: 0,
  kind,
  detail: '',
  atMs: 0,
  servedBy: undefined,
  connection: pid === undefined ? undefined : { pid, generation: pid - 100 },
})

export const reloadCommand = (code: number | null, printed: object, afterIndex = 2): Command => ({
  name: 'reload',
  afterIndex,
  code,
  stdout: JSON.stringify(printed),
  stderr: '',
})

export const printedReload = (outcome: string, pid = first, successor = second): object => ({
  outcome,
  reports: [{ pid, outcome, successor: { generation: successor - 100, pid: successor } }],
})

/** A round with one reload and no fault, except for `change`. */
export function roundLog(
  change: Partial<RoundLog> & { readonly runner?: 'run'; readonly workers?: number } = {},
): RoundLog {
  const { runner = 'alone', workers = 1, ...more } = change
  const facts = more.facts ?? factsOf(...reloaded, ...stopped(second))
  const afterFaults = more.afterFaults ?? upWith(second, runner === 'run' ? supervisor : second)
  // The round stops the service, which produces the last facts.
  const afterIndex = facts.length - 1 - stopped(second).length
  return {
    plan: {
      seed: 1,
      round: 1,
      setup: {
        runner,
        workers,
        address: 'tcp',
        probationMs: 100,
        clients: { keepAlive: 1, newConnections: 1, slow: 0, slowMs: 300, idle: 1 },
      },
      reloads: [],
      end: 'signal',
    },
    firstPid: runner === 'run' ? supervisor : first,
    facts,
    acts: [],
    requested: [],
    failures: [],
    idle: [],
    afterFaults,
    ...(afterFaults.running.length > 0 && { stop: { by: 'signal', afterIndex } }),
    left: { running: [], files: [] },
    ...more,
  }
}
