/** The commands for a service that runs: what can be said, in which words, and what help says. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { CommandFailed, type ExitCode, exitCodes } from '../exit-codes.js'
import { say } from '../output.js'
import { milliseconds } from '../values.js'
import type { ReloadOptions } from './reload.js'
import type { StatusOptions } from './status.js'
import type { StopOptions } from './stop.js'

const defaultTimeout = '2m'

const whichService = `
Which service:
  One process answers for a service, on its control socket: the option control of
  graceful, or handover run. Without --control the path is that of the
  variable HANDOVER_CONTROL, or ./handover.sock. Only the user that the service runs
  as, and root, may connect.
  With --pid-file or a PID signals are sent instead, and less can be told.`

const reloadHelp = `${whichService}
    --pid-file  waits for the file to name another process, then for the end of the
                one that it named. That a reload has failed can be told, why cannot.
                A process that only got the PID of the service gets no signal (/proc).
                Nothing can be told by the file of handover run, which never changes:
                exit code 4.
    PID         the signal is sent, and nothing can be told: exit code 4.

What happens:
  The running generation starts a successor, from the program as it is on disk now. When
  that is ready and has lived through its probation, it serves, and the predecessor
  drains: connections move, requests are finished. When it is not, it is ended, and
  the running generation serves on. Ctrl-C ends this command, not the reload.

Exit codes:
  0  the successor serves and is proven (and its predecessor has drained)
  1  it does not; the reason, and the error that ended it, are on standard error
  2  the command line is wrong
  3  no service was reached: nothing was done
  4  it was asked; what came of it is unknown
  5  the service refused, as during another reload: nothing was done

Examples:
  handover reload
  handover reload --control /run/app/control.sock --no-wait
  handover reload --queue
  handover reload --json | jq '.reports[].drain.cut'
  handover reload --pid-file /run/app.pid`

const statusHelp = `${whichService}
    --pid-file, PID  whether the process runs

What is shown:
  Each generation with its pid, state and age, what it runs, its connections by kind,
  and what is not idle, the oldest first: what holds a drain. Predecessors that
  still drain are among them. And how the last reload ended.

Exit codes:
  0  the service has answered, or the process runs
  1  it answered with an error
  2  the command line is wrong
  3  no service was reached, it does not respond, or --watch has lost it
  5  the service refused: it has too many clients

Examples:
  handover status --watch
  handover status --json | jq '.generations[] | {pid, state, open: .connections.total}'`

const stopHelp = `${whichService}
    --pid-file, PID  SIGTERM is sent, and the end of the process waited for. What was
                     cut cannot be told. With --pid-file a process that only got the
                     PID of the service gets no signal (/proc).

What happens:
  The service drains: it accepts no more, finishes what it began, and leaves. What is
  still open at its drainTimeoutMs is cut, and named here.

Exit codes:
  0  it has stopped, and nothing was cut
  1  it has stopped; connections were cut, or a hook failed
  2  the command line is wrong
  3  no service was reached: nothing was done
  4  it was asked to stop; what came of it is unknown
  5  the service refused: nothing was done

Examples:
  handover stop
  handover stop --pid-file /run/app.pid --timeout 30s`

/** Adds `reload`, `status` and `stop`. */
export function addOperatingCommands(program: Command): void {
  addCommand(program, 'reload', 'replace the running release, and say whether that went well', reloadHelp)
    .option(
      '--queue',
      'wait for a reload that is under way, then reload; without it such a request is refused',
    )
    .option('--no-wait', 'return when the successor serves; its predecessor may still drain')
    .addOption(timeoutFor('--pid-file'))
    .action(async (pid: number | undefined, options: ReloadOptions) => {
      const { reload } = await import('./reload.js')
      await end(() => reload(pid, options))
    })
  addCommand(program, 'status', 'show who serves, and what holds a drain', statusHelp)
    .option('--watch', 'show it again whenever it changes, and every second')
    .action(async (pid: number | undefined, options: StatusOptions) => {
      const { status } = await import('./status.js')
      await end(() => status(pid, options))
    })
  addCommand(program, 'stop', 'let the service finish what it began, and end', stopHelp)
    .addOption(timeoutFor('--pid-file or a PID'))
    .action(async (pid: number | undefined, options: StopOptions) => {
      const { stop } = await import('./stop.js')
      await end(() => stop(pid, options))
    })
}

function addCommand(program: Command, name: string, description: string, help: string): Command {
  return program
    .command(name)
    .description(description)
    .argument('[pid]', 'the process to send a signal to', processId)
    .option('--control <path>', 'the control socket of the service')
    .option('--pid-file <path>', 'the file that names the process to send a signal to')
    .option('--json', 'print what came of it as JSON, and nothing else')
    .addHelpText('after', help)
}

/** Errors that were foreseen are one line; every other one is a bug, has its stack, and says nothing of the service. */
async function end(command: () => Promise<ExitCode>): Promise<void> {
  try {
    process.exitCode = await command()
  } catch (error) {
    const isForeseen = error instanceof CommandFailed
    const { message, stack = message } = error as Error
    say(...(isForeseen ? [`handover: ${message}`] : `handover: ${stack}`.split('\n')))
    process.exitCode = isForeseen ? error.exitCode : exitCodes.unknown
  }
}

const timeoutFor = (target: string): Option =>
  new Option('--timeout <time>', `with ${target}: how long to wait, as 30s or 5m`)
    .argParser(time)
    .default(time(defaultTimeout), defaultTimeout)

function processId(text: string): number {
  const pid = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(pid) && pid > 0) return pid
  throw new InvalidArgumentError('Expected a number from 1 on.')
}

function time(text: string): number {
  try {
    return milliseconds(text)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}
