/** `handover reload`: returns when the new release serves, or prints why it does not. */
import { setTimeout as pause } from 'node:timers/promises'
import type { ControlAnswer } from '@handover/core/supervision'
import { CommandFailed, type ExitCode, exitCodes } from '../command-line/exit-codes.js'
import { ask, formatAnswer, isRefusal, notAnAnswer } from '../service-client/control-client.js'
import { type FileOutcome, reloadByPidFile, signal, untilEnded } from '../service-client/pid-signals.js'
import { isSupervisor } from '../service-client/process-status.js'
import { readTarget, type TargetOptions } from '../service-client/target.js'
import { duration, handedOver } from '../terminal/format.js'
import { print, printJson, type SpokenOptions, say } from '../terminal/output.js'
import { type Progress, silentProgress, visibleProgress } from '../terminal/progress.js'

/** How often a queued reload tries again. */
const againMs = 200
/** Temporary refusals: the generation has just handed over, or is about to. */
const whileBusy = new Set(['ERR_HANDOVER_IN_PROGRESS', 'ERR_HANDOVER_DRAINING', 'ERR_HANDOVER_BUSY'])

export interface ReloadOptions extends TargetOptions, SpokenOptions {
  readonly wait: boolean
  readonly queue?: boolean
  readonly timeout: number
}

export async function reload(pid: number | undefined, options: ReloadOptions): Promise<ExitCode> {
  const target = readTarget(pid, options)
  if (target.by === 'control') return reloadByControl(target.path, options)
  if (options.queue) {
    throw new CommandFailed(
      exitCodes.usage,
      '--queue needs the control socket. The service itself queues signals.',
    )
  }
  if (target.by === 'pid-file') return reloadByFile(target.path, target.pid, options)
  signal(target.pid, 'SIGHUP')
  throw new CommandFailed(
    exitCodes.unknown,
    `SIGHUP was sent to process ${target.pid}. With only a PID, the outcome is unknown: see the log of the service, or ` +
      'use --control or --pid-file.',
  )
}

async function reloadByControl(path: string, options: ReloadOptions): Promise<ExitCode> {
  const { json } = options
  const progress = json ? silentProgress : await visibleProgress()
  const answer = await reloadInTurn(path, options, progress).finally(progress.done)
  if (!answer.ok) {
    const { error, reload: report } = answer
    const isRefused = isRefusal(answer)
    const outcome = isRefused ? 'refused' : 'failed'
    if (json) printJson({ ...(report ?? { outcome, reports: [] }), error })
    else formatAnswer('reload', () => sayFailure(`the reload ${isRefused ? 'was refused' : 'failed'}`, error))
    return exitCodes[outcome]
  }
  if (!('reload' in answer)) throw notAnAnswer('reload')
  const { reload } = answer
  const lines = formatAnswer('reload', () => handedOver(reload))
  if (json) printJson(reload)
  else print(lines)
  return exitCodes.done
}

/** With `queue`, tries again while another reload is under way. The generation that serves by then gets the request. */
async function reloadInTurn(
  path: string,
  { json, wait, queue }: ReloadOptions,
  { onEvent }: Progress,
): Promise<ControlAnswer> {
  for (let waits = false; ; waits = true) {
    const answer = await ask(path, 'reload', onEvent, { wait })
    const isBusy = !answer.ok && isRefusal(answer) && whileBusy.has(answer.error.code)
    if (!queue || !isBusy) return answer
    if (!waits && !json) say('another reload is under way; waiting for it to end')
    await pause(againMs)
  }
}

function sayFailure(what: string, { code, message, cause }: (ControlAnswer & { ok: false })['error']): void {
  say(`handover: ${what} (${code}): ${message}`, ...(cause?.stack?.split('\n') ?? []))
}

async function reloadByFile(path: string, pid: number, options: ReloadOptions): Promise<ExitCode> {
  const { json, wait, timeout } = options
  if (isSupervisor(pid)) {
    signal(pid, 'SIGHUP')
    throw new CommandFailed(
      exitCodes.unknown,
      `SIGHUP was sent to process ${pid}, which is handover run. Its PID file ${path} never changes, so the outcome is ` +
        'unknown: see the log of the service, or use --control.',
    )
  }
  const result = await reloadByPidFile(path, pid, timeout)
  const isDone = result.outcome === 'handed-over'
  const hasDrained = isDone && wait ? await untilEnded(pid, timeout) : undefined
  if (json) printJson({ ...result, predecessor: pid, ...(hasDrained === undefined ? {} : { hasDrained }) })
  if (!isDone) {
    const code = result.outcome === 'failed' ? exitCodes.failed : exitCodes.unknown
    throw new CommandFailed(code, describeOutcome(result, path, pid, timeout))
  }
  if (!json) print([`process ${result.pid} serves`, ...formatDrain(pid, hasDrained, timeout)])
  return exitCodes.done
}

function describeOutcome({ outcome }: FileOutcome, path: string, pid: number, timeoutMs: number): string {
  if (outcome === 'failed') {
    return `the reload failed, and process ${pid} keeps serving. For the reason, see the log of the service, or use --control.`
  }
  return outcome === 'ended'
    ? `process ${pid} has exited, and ${path} does not name another process. A successor that could not write the file may serve: see the log of the service.`
    : `${path} has not changed for ${duration(timeoutMs)}: the outcome of the reload is unknown. See the log of the service. (The PID file of handover run never changes: use --control.)`
}

function formatDrain(pid: number, hasDrained: boolean | undefined, timeoutMs: number): string[] {
  if (hasDrained === undefined) return []
  return hasDrained
    ? [`process ${pid} has drained and exited; see the log of the service for its connections`]
    : [`process ${pid} still drains after ${duration(timeoutMs)}`]
}
