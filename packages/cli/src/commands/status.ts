/** `handover status`: who serves, and what holds a drain. */
import type { ControlStatus } from '@handover/core/supervision'
import { ask, watch } from '../client.js'
import { CommandFailed, type ExitCode, exitCodes } from '../exit-codes.js'
import { statusLines } from '../format.js'
import { print, printJson, type SpokenOptions } from '../output.js'
import { isRunning } from '../signals.js'
import { readTarget, type TargetOptions } from '../target.js'

export interface StatusOptions extends TargetOptions, SpokenOptions {
  readonly watch?: boolean
}

/** Back to the first line of the terminal, and everything below is erased. */
const clear = '\x1b[H\x1b[2J'

export async function status(pid: number | undefined, options: StatusOptions): Promise<ExitCode> {
  const { json = false, watch: again } = options
  const target = readTarget(pid, options)
  if (target.by !== 'control') return statusByPid(target.pid, json)
  if (again) return watchStatus(target.path, json)
  const answer = await ask(target.path, 'status')
  if (!answer.ok) throw new CommandFailed(exitCodes.failed, answer.error.message)
  if ('status' in answer) show(answer.status, json)
  return exitCodes.done
}

function watchStatus(path: string, json: boolean): Promise<never> {
  const onTerminal = process.stdout.isTTY && !json
  return watch(path, (event) => {
    if (event.event !== 'status') return
    if (onTerminal) process.stdout.write(clear)
    if (json) process.stdout.write(`${JSON.stringify(event.status)}\n`)
    else print([...statusLines(event.status), ...(onTerminal ? [] : [''])])
  })
}

function show(status: ControlStatus, json: boolean): void {
  if (json) printJson(status)
  else print(statusLines(status))
}

function statusByPid(pid: number, json: boolean): ExitCode {
  const running = isRunning(pid)
  if (json) printJson({ pid, running })
  if (!running) throw new CommandFailed(exitCodes.unreachable, `There is no process ${pid}.`)
  if (!json) print([`process ${pid} runs; more can be told by the control socket only: use --control`])
  return exitCodes.done
}
