/** `handover reload`: returns when the new release serves, or prints why it does not. */
import { CommandFailed, type ExitCode, exitCodes } from '../command-line/exit-codes.js'
import { formatAnswer, isRefusal, notAnAnswer } from '../service-client/control-client.js'
import { type FileOutcome, reloadByPidFile, sendSignal, waitForExit } from '../service-client/pid-signals.js'
import { isSupervisor } from '../service-client/process-status.js'
import { readTarget, type TargetOptions } from '../service-client/target.js'
import { formatDuration, formatReload } from '../terminal/format.js'
import { print, printFailure, printJson } from '../terminal/output.js'
import { silentProgress, visibleProgress } from '../terminal/progress.js'
import { type QueueOptions, sendOrQueue } from './queued-request.js'

export interface ReloadOptions extends TargetOptions, QueueOptions {
  readonly wait: boolean
  readonly timeout: number
}

export async function reload(pid: number | undefined, options: ReloadOptions): Promise<ExitCode> {
  const target = readTarget(pid, options)
  if (target.by === 'control') return reloadByControl(target.path, options)
  if (options.queue) {
    throw new CommandFailed(
      exitCodes.usage,
      '--queue works only with the control socket. The service queues signals by itself.',
    )
  }
  if (target.by === 'pid-file') return reloadByFile(target.path, target.pid, options)
  sendSignal(target.pid, 'SIGHUP')
  throw new CommandFailed(
    exitCodes.unknown,
    `SIGHUP was sent to process ${target.pid}. With only a PID, the outcome is unknown: see the log of the service, or ` +
      'use --control or --pid-file.',
  )
}

async function reloadByControl(path: string, options: ReloadOptions): Promise<ExitCode> {
  const { json, wait } = options
  const progress = json ? silentProgress : await visibleProgress()
  const sent = sendOrQueue(path, 'reload', { wait }, options, progress)
  const answer = await sent.finally(progress.done)
  if (!answer.ok) {
    const { error, reload: report } = answer
    const isRefused = isRefusal(answer)
    const outcome = isRefused ? 'refused' : 'failed'
    if (json) printJson({ ...(report ?? { outcome, reports: [] }), error })
    else
      formatAnswer('reload', () => printFailure(`the reload ${isRefused ? 'was refused' : 'failed'}`, error))
    return exitCodes[outcome]
  }
  if (!('reload' in answer)) throw notAnAnswer('reload')
  const { reload } = answer
  const lines = formatAnswer('reload', () => formatReload(reload))
  if (json) printJson(reload)
  else print(lines)
  return exitCodes.done
}

async function reloadByFile(path: string, pid: number, options: ReloadOptions): Promise<ExitCode> {
  const { json, wait, timeout } = options
  if (isSupervisor(pid)) {
    sendSignal(pid, 'SIGHUP')
    throw new CommandFailed(
      exitCodes.unknown,
      `SIGHUP was sent to process ${pid}, which is handover run. Its PID file ${path} never changes, so the outcome is ` +
        'unknown: see the log of the service, or use --control.',
    )
  }
  const result = await reloadByPidFile(path, pid, timeout)
  const isDone = result.outcome === 'handed-over'
  const hasDrained = isDone && wait ? await waitForExit(pid, timeout) : undefined
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
    : `${path} has not changed for ${formatDuration(timeoutMs)}: the outcome of the reload is unknown. See the log of the service. (The PID file of handover run never changes: use --control.)`
}

function formatDrain(pid: number, hasDrained: boolean | undefined, timeoutMs: number): string[] {
  if (hasDrained === undefined) return []
  return hasDrained
    ? [`process ${pid} drained and exited; see the log of the service for its connections`]
    : [`process ${pid} is still draining after ${formatDuration(timeoutMs)}`]
}
