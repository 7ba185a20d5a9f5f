/** Checks the rules that hold in every round, whatever the implementation does. Each violation is an anomaly. */
import { type ReloadClaim, readClaim } from './claims.js'
import { Excuses } from './excuses.js'
import { type Expectation, expectationOf } from './expectation.js'
import {
  closedByProgram,
  deathOf,
  faultsOf,
  hasLeft,
  lostSupervisor,
  phaseAt,
  processesOf,
  struck,
} from './process-states.js'
import { type Command, isAlone, type RoundLog, type Snapshot } from './round-log.js'

export interface Anomaly {
  /** Short and constant, so that the results can count anomalies by rule. */
  readonly rule: string
  readonly detail: string
}

export function judge(log: RoundLog): Anomaly[] {
  const expected = expectationOf(log)
  const found: Anomaly[] = []
  const report = (rule: string, detail: unknown) =>
    found.push({ rule, detail: typeof detail === 'string' ? detail : JSON.stringify(detail) })
  if (log.broken !== undefined) report('the round did not finish', log.broken)
  judgePresence(log, expected, report)
  judgeClients(log, expected, report)
  judgeReloads(log, report)
  judgeProcesses(log, report)
  judgeEnd(log, report)
  return found
}

type Report = (rule: string, detail: unknown) => void

function judgePresence(
  log: RoundLog,
  { service, because, mayPause = false }: Expectation,
  report: Report,
): void {
  const { afterFaults: seen } = log
  const isUp = seen.running.length > 0
  if (service === 'up' && !isUp) report('the service is down', because)
  if (service === 'down' && isUp) report('processes run after a shutdown', `${seen.running} run; ${because}`)
  if (service === 'down' || !isUp) return
  // A reload brings back a service that paused.
  if (service === 'up' || !mayPause) judgeService(log, seen, 'after the faults', report)
  if (log.lastReload) judgeService(log, log.lastReload.snapshot, 'after the last reload', report)
}

/** Checks that the service is complete and has one owner. */
function judgeService(log: RoundLog, seen: Snapshot, when: string, report: Report): void {
  const { setup } = log.plan
  if (seen.unsettled !== undefined) report(`the service does not become stable ${when}`, seen.unsettled)
  const strange = seen.answers.filter(
    (answer) => typeof answer === 'string' || !seen.running.includes(answer),
  )
  if (strange.length > 0 || seen.answers.length === 0) report(`no answer ${when}`, strange)
  const named = Number(seen.pidFile)
  const owner = isAlone(log) ? seen.answers.find((answer) => typeof answer === 'number') : log.firstPid
  if (seen.pidFile === undefined) report(`no PID file ${when}`, `${owner} serves`)
  else if (named !== owner || !seen.pidFileLives)
    report(`the PID file names another process ${when}`, `${seen.pidFile} instead of ${owner}`)
  if (typeof seen.control === 'string') report(`the control socket does not answer ${when}`, seen.control)
  else if (!seen.answers.every((answer) => seen.control.includes(answer as never)))
    report(`the control socket names other processes ${when}`, `${seen.control} instead of ${seen.answers}`)
  const files = ['control.sock', 'service.pid', ...(setup.address === 'unix' ? ['app.sock'] : [])]
  const tooMany = seen.files.filter((name) => !files.includes(name))
  const missing = files.filter((name) => name !== 'service.pid' && !seen.files.includes(name))
  if (tooMany.length > 0) report(`temporary files ${when}`, tooMany)
  if (missing.length > 0) report(`socket files are missing ${when}`, missing)
}

function judgeClients(log: RoundLog, expected: Expectation, report: Report): void {
  const excuses = new Excuses(log, expected)
  for (const failure of log.failures)
    if (!excuses.covers(failure)) report(`a request failed: ${failure.kind}`, failure)
  for (const idle of log.idle)
    if (idle.outcome === 'failed' && !excuses.coversIdle(idle)) report('an idle connection was lost', idle)
}

/** Checks that the claims of commands are true. */
function judgeReloads(log: RoundLog, report: Report): void {
  for (const { command } of log.requested) if (command) judgeClaim(log, readClaim(command), report)
  if (!log.lastReload) return
  const claim = readClaim(log.lastReload.command)
  judgeClaim(log, claim, report)
  if (claim.outcome !== 'handed-over') report('a reload after the faults fails', claim.why)
}

function judgeClaim(log: RoundLog, claim: ReloadClaim, report: Report): void {
  const { outcome, reports, command } = claim
  if (outcome === 'nonsense') report('handover reload has a wrong exit code or output', claim.why)
  if (outcome === 'unknown' && !answererWasHit(log, command))
    report(
      'handover reload reports an unknown outcome without a fault in the process that got its request',
      claim.why,
    )
  for (const { pid, successor, handedOver } of reports) {
    const didHandOver = log.facts.some(
      (fact) => fact.pid === pid && fact.event === 'state' && fact.because === 'handed-over',
    )
    if (handedOver && !(didHandOver && isProven(log, successor)))
      report('handover reload reports a false success', { pid, successor })
    if (!handedOver && didHandOver && !laterReload(log, pid, command))
      report('handover reload reports a failure, but the successor took over', { pid, successor })
  }
}

/** Whether a fault hit a process that could have answered the command. */
function answererWasHit(log: RoundLog, command: Command): boolean {
  if (!isAlone(log)) return faultsOf(log, log.firstPid).length > 0
  return processesOf(log).some((tracked) => {
    const phase = phaseAt(tracked, command.afterIndex)
    return phase !== undefined && faultsOf(log, tracked.pid).length > 0
  })
}

const isProven = ({ facts }: RoundLog, pid: number | undefined): boolean =>
  facts.some((fact) => fact.pid === pid && fact.state === 'ready' && !fact.onProbation)

/** Whether the process handed over in a later reload, after the command had failed. */
function laterReload(log: RoundLog, pid: number, { afterIndex }: Command): boolean {
  const began = log.facts.filter(
    (fact) => fact.pid === pid && fact.state === 'handing-over' && fact.index > afterIndex,
  )
  return began.length > 1
}

/** Checks that no process exits without a fault, a drain or a failed reload, and that no drain cuts connections. */
function judgeProcesses(log: RoundLog, report: Report): void {
  const running = (log.lastReload?.snapshot ?? log.afterFaults).running
  for (const tracked of processesOf(log)) {
    if (running.includes(tracked.pid)) continue
    const wasProven = isProven(log, tracked.pid)
    const hit = deathOf(log, tracked) !== undefined || faultsOf(log, tracked.pid).length > 0
    if (wasProven && !hit && !hasLeft(tracked) && !lostSupervisor(log))
      report(
        'a process that served exited without a fault',
        `${tracked.pid} of generation ${tracked.generation}`,
      )
  }
  for (const { pid, report: final } of log.facts.filter(({ event }) => event === 'report')) {
    const { cut = [] } = (final?.drain ?? {}) as { cut?: readonly unknown[] }
    const cutShort = struck(log, 'terminate', pid).length > 0
    if (cut.length > 0 && !cutShort) report('a drain cut connections', { pid, cut })
  }
}

/** Checks that no process and no file of the service remains. */
function judgeEnd(log: RoundLog, report: Report): void {
  const { running, files } = log.left
  if (running.length > 0) report('processes remain', running)
  const { stop } = log
  if (stop?.command && stop.command.code !== 0)
    report('handover stop fails', `${stop.command.code}: ${stop.command.stderr}`)
  // A killed process cannot remove its files. A program that closes its last server exits without a shutdown.
  const byForce =
    !stop &&
    (lostSupervisor(log) ||
      processesOf(log).some((tracked) => deathOf(log, tracked) ?? closedByProgram(tracked)))
  if (files.length > 0 && !byForce) report('files remain', files)
}
