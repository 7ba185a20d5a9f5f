/** `handover status`: shows the generations, and what a drain is waiting for. */

import { CommandFailed, type ExitCode, exitCodes } from '../command-line/exit-codes.js'
import { formatAnswer, isRefusal, notAnAnswer, sendRequest, watch } from '../service-client/control-client.js'
import { isRunning } from '../service-client/process-status.js'
import { readTarget, type TargetOptions } from '../service-client/target.js'
import { formatStatus } from '../terminal/format-status.js'
import { type OutputOptions, print, printJson } from '../terminal/output.js'

export interface StatusOptions extends TargetOptions, OutputOptions {
  readonly watch?: boolean
}

/** Moves to the first line of the terminal and erases everything below. */
const clear = '\x1b[H\x1b[2J'

/** Some terminals report a width of 0. */
const terminalWidth = (): number | undefined => process.stdout.columns || undefined

export async function status(pid: number | undefined, options: StatusOptions): Promise<ExitCode> {
  const { json = false, watch: again } = options
  const target = readTarget(pid, options)
  if (target.by !== 'control') return statusByPid(target.pid, json)
  if (again) return watchStatus(target.path, json)
  const answer = await sendRequest(target.path, 'status')
  if (!answer.ok) {
    throw new CommandFailed(isRefusal(answer) ? exitCodes.refused : exitCodes.failed, answer.error.message)
  }
  if (!('status' in answer)) throw notAnAnswer('status')
  const { status } = answer
  const lines = formatAnswer('status', () => formatStatus(status, terminalWidth()))
  if (json) printJson(status)
  else print(lines)
  return exitCodes.done
}

function watchStatus(path: string, json: boolean): Promise<never> {
  // Without a reader, nothing else would end this command.
  process.stdout.on('error', () => process.exit(exitCodes.done))
  const onTerminal = process.stdout.isTTY && !json
  return watch(path, (event) => {
    if (event.event !== 'status') return
    if (onTerminal) process.stdout.write(clear)
    const lines = formatAnswer('watch', () => formatStatus(event.status, terminalWidth()))
    if (json) printJson(event.status, 0)
    else print([...lines, ...(onTerminal ? [] : [''])])
  })
}

function statusByPid(pid: number, json: boolean): ExitCode {
  const running = isRunning(pid)
  if (json) printJson({ pid, running })
  if (!running) throw new CommandFailed(exitCodes.unreachable, `There is no process ${pid}.`)
  if (!json) print([`process ${pid} is running; use --control for details`])
  return exitCodes.done
}
