/** `handover stop`: drains the service, waits for its exit, and reports what was cut. */

import { CommandFailed, type ExitCode, exitCodes } from '../command-line/exit-codes.js'
import {
  formatAnswer,
  isRefusal,
  notAnAnswer,
  sendRequestAndAwaitExit,
} from '../service-client/control-client.js'
import { sendSignal, waitForExit } from '../service-client/pid-signals.js'
import { readTarget, type TargetOptions } from '../service-client/target.js'
import { formatDrain, formatDuration } from '../terminal/format.js'
import { type OutputOptions, print, printJson } from '../terminal/output.js'
import { silentProgress, visibleProgress } from '../terminal/progress.js'

export interface StopOptions extends TargetOptions, OutputOptions {
  readonly timeout: number
}

export async function stop(pid: number | undefined, options: StopOptions): Promise<ExitCode> {
  const target = readTarget(pid, options)
  if (target.by !== 'control') return stopByPid(target.pid, options)
  const progress = options.json ? silentProgress : await visibleProgress()
  const answer = await sendRequestAndAwaitExit(target.path, 'stop', progress.onEvent).finally(progress.done)
  if (!answer.ok) {
    if (options.json) printJson({ error: answer.error })
    const exitCode = isRefusal(answer) ? exitCodes.refused : exitCodes.failed
    throw new CommandFailed(exitCode, `the service was not stopped: ${answer.error.message}`)
  }
  if (!('stop' in answer)) throw notAnAnswer('stop')
  const { reports, code } = answer.stop
  const lines = formatAnswer('stop', () => reports.flatMap((report) => formatDrain(report, report.drain)))
  if (options.json) printJson(answer.stop)
  else print([...lines, `the service stopped with exit code ${code}`])
  return code === 0 ? exitCodes.done : exitCodes.failed
}

async function stopByPid(pid: number, { json, timeout }: StopOptions): Promise<ExitCode> {
  sendSignal(pid, 'SIGTERM')
  const stopped = await waitForExit(pid, timeout)
  if (json) printJson({ pid, stopped })
  if (!stopped) {
    throw new CommandFailed(
      exitCodes.unknown,
      `SIGTERM was sent to process ${pid}, which is still running after ${formatDuration(timeout)}. Use --control to see what it waits for.`,
    )
  }
  if (!json)
    print([
      `process ${pid} has exited; see the log of the service for connections that it cut, or use --control`,
    ])
  return exitCodes.done
}
