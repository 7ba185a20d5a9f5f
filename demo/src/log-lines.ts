// Parses the log lines that Fastify's logger prints on the standard output of the service.
import type { ActiveWork, FinalReport, ReloadReport, StateChange } from '@handover/core'

/** The event in one log line. */
export type LogEvent =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'state'; readonly change: StateChange; readonly open: number }
  | {
      readonly kind: 'waiting'
      readonly pid: number
      readonly open: number
      readonly activeWork: readonly ActiveWork[]
    }
  | { readonly kind: 'reload-failed'; readonly report: ReloadReport }
  | { readonly kind: 'finished'; readonly report: FinalReport }

/** The relevant fields of a line. Its event depends on which of them are present. */
interface Line {
  readonly pid: number
  readonly msg: string
  readonly state?: StateChange['state']
  readonly because?: StateChange['because']
  readonly onProbation?: true
  readonly generation?: number
  readonly connections?: { readonly total: number }
  readonly activeWork?: readonly ActiveWork[]
  readonly report?: ReloadReport | FinalReport
}

/** Returns the event in a line, or undefined if it has none. */
export function readLine(text: string): LogEvent | undefined {
  const line = parse(text)
  if (!line) return undefined
  if (line.report) return ofReport(line.report)
  if (line.state) return ofState(line, line.state)
  const [, port] = /^Server listening at http:\/\/\S+:(\d+)$/.exec(line.msg) ?? []
  return port === undefined ? undefined : { kind: 'listening', port: Number(port) }
}

function ofReport(report: ReloadReport | FinalReport): LogEvent | undefined {
  if ('drain' in report) return { kind: 'finished', report }
  return report.outcome === 'failed' ? { kind: 'reload-failed', report } : undefined
}

function ofState(line: Line, state: StateChange['state']): LogEvent | undefined {
  const { pid, generation, because, onProbation } = line
  const open = line.connections?.total ?? 0
  if (line.activeWork) return { kind: 'waiting', pid, open, activeWork: line.activeWork }
  if (generation === undefined) return undefined
  const change = { state, generation, pid, ...(because && { because }), ...(onProbation && { onProbation }) }
  return { kind: 'state', change, open }
}

function parse(text: string): Line | undefined {
  try {
    const line: unknown = JSON.parse(text)
    const isLine = typeof line === 'object' && line !== null && 'pid' in line && 'msg' in line
    return isLine ? (line as Line) : undefined
  } catch {
    return undefined
  }
}
