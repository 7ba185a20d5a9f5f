/** `reload`, `status`, `scale` and `stop`: their options and help. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { checked } from '../command-line/checked.js'
import { CommandFailed, type ExitCode, exitCodes } from '../command-line/exit-codes.js'
import { milliseconds, workers } from '../command-line/values.js'
import { printToStderr } from '../terminal/output.js'
import type { ReloadOptions } from './reload.js'
import type { ScaleOptions } from './scale.js'
import type { StatusOptions } from './status.js'
import type { StopOptions } from './stop.js'

const defaultTimeout = '2m'

const whichService = `
Which service:
  The command uses the control socket of a service. handover run creates one, and so
  does graceful with the option control. Without --control, the path is
  HANDOVER_CONTROL, or ./handover.sock. Only the user of the service and root can
  connect.`

const reloadHelp = `${whichService}
  With --pid-file or a PID, the command sends SIGHUP instead and reports less:
    --pid-file  waits for the file to name another process, then for the previous one
                to exit. Reports a failed reload, but not the reason. Never signals
                a later process with the same PID (/proc). The file of handover run
                never changes, so the outcome is unknown: exit code 4.
    PID         only sends the signal; the outcome is unknown: exit code 4.

What happens:
  The running generation starts a successor from the program that is on disk now. When
  the successor is ready and has passed its probation, it serves. The predecessor then
  drains: it moves connections and finishes requests. If the successor fails, the
  predecessor ends it and keeps serving. Ctrl-C ends this command, not the reload.

Exit codes:
  0  the successor serves and is proven (and its predecessor has drained)
  1  the reload failed; the reason and the error are on standard error
  2  the command line is wrong
  3  no service was reached: nothing was done
  4  the service got the request; the outcome is unknown
  5  the service refused, as during another reload: nothing was done

Examples:
  handover reload
  handover reload --control /run/app/control.sock --no-wait
  handover reload --queue
  handover reload --json | jq '.reports[].drain.cut'
  handover reload --pid-file /run/app.pid`

const statusHelp = `${whichService}
  With --pid-file or a PID, the command only shows whether the process runs.

What it shows:
  A table of all processes, including those that still drain. Below it, for each
  process: its connections by kind, and its open work, oldest first. A drain waits for
  that work. Then the releases, and the outcome of the last reload.

Exit codes:
  0  the service answered, or the process runs
  1  the service answered with an error
  2  the command line is wrong
  3  no service was reached, it does not respond, or --watch lost its connection
  5  the service refused: it has too many clients

Examples:
  handover status --watch
  handover status --json | jq '.generations[] | {pid, state, open: .connections.total}'`

const scaleHelp = `
Which service:
  The command uses the control socket of handover run. Without --control, the path is
  HANDOVER_CONTROL, or ./handover.sock. Only the user of the service and root can
  connect.

What happens:
  More workers: they start from the program that is on disk now, and the command waits
  until all of them serve. If one does not become ready, all of them end again.
  Fewer workers: workers that do not serve leave first, then the latest ones. Each hands
  its plain HTTP/1.1 connections to the remaining workers, drains and exits, as at a
  shutdown. The command waits for that. Ctrl-C ends this command, not the change.
  A reload that is requested meanwhile starts afterwards. When handover run starts
  again, --workers or the configuration decides.

Exit codes:
  0  the service has this number of workers; those that left have drained
  1  a new worker did not become ready; the number of workers is as before
  2  the command line is wrong
  3  no service was reached: nothing was done
  4  the service got the request; the outcome is unknown
  5  the service refused, as during a reload or without handover run: nothing was done

Examples:
  handover scale 4
  handover scale max --queue`

const stopHelp = `${whichService}
  With --pid-file or a PID, the command sends SIGTERM instead and waits for the process
  to exit. It cannot report what was cut. With --pid-file it never signals a later
  process with the same PID (/proc).

What happens:
  The service drains: it stops accepting, finishes requests in flight, and exits. After
  drainTimeoutMs it cuts the connections that are still open, and the command lists them.

Exit codes:
  0  it has stopped, and nothing was cut
  1  it has stopped; connections were cut, or a hook failed
  2  the command line is wrong
  3  no service was reached: nothing was done
  4  the service got the request; the outcome is unknown
  5  the service refused: nothing was done

Examples:
  handover stop
  handover stop --pid-file /run/app.pid --timeout 30s`

/** Adds `reload`, `status`, `scale` and `stop`. */
export function addOperatingCommands(program: Command): void {
  addCommand(program, 'reload', 'replace the running release, and report the outcome', reloadHelp)
    .option('--queue', 'wait for a reload that is under way, then reload; without it the service refuses')
    .option('--no-wait', 'return when the successor serves; its predecessor may still drain')
    .addOption(timeoutFor('--pid-file'))
    .action(async (pid: number | undefined, options: ReloadOptions) => {
      const { reload } = await import('./reload.js')
      await end(() => reload(pid, options))
    })
  addCommand(program, 'status', 'show the generations, and what a drain is waiting for', statusHelp)
    .option('--watch', 'show the status again whenever it changes, and every second')
    .action(async (pid: number | undefined, options: StatusOptions) => {
      const { status } = await import('./status.js')
      await end(() => status(pid, options))
    })
  addScale(program)
  addCommand(program, 'stop', 'finish requests in flight, and stop the service', stopHelp)
    .addOption(timeoutFor('--pid-file or a PID'))
    .action(async (pid: number | undefined, options: StopOptions) => {
      const { stop } = await import('./stop.js')
      await end(() => stop(pid, options))
    })
}

function addScale(program: Command): void {
  program
    .command('scale')
    .description('change the number of workers of handover run, without a reload')
    .argument('<workers>', 'the new number; "max": one for each core', checked(workers))
    .option('--control <path>', 'the control socket of the service')
    .option('--json', 'print only the outcome, as JSON')
    .option('--queue', 'wait for a reload or another scale; without it the service refuses')
    .addHelpText('after', scaleHelp)
    .action(async (count: number, options: ScaleOptions) => {
      const { scale } = await import('./scale.js')
      await end(() => scale(count, options))
    })
}

function addCommand(program: Command, name: string, description: string, help: string): Command {
  return program
    .command(name)
    .description(description)
    .argument('[pid]', 'the process, instead of a control socket', processId)
    .option('--control <path>', 'the control socket of the service')
    .option('--pid-file <path>', 'the file that names the process, instead of a control socket')
    .option('--json', 'print only the outcome, as JSON')
    .addHelpText('after', help)
}

/** Prints expected errors as one line. Any other error is a bug in the command, so its stack is printed. */
async function end(command: () => Promise<ExitCode>): Promise<void> {
  try {
    process.exitCode = await command()
  } catch (error) {
    const isForeseen = error instanceof CommandFailed
    const { message, stack = message } = error as Error
    printToStderr(...(isForeseen ? [`handover: ${message}`] : `handover: ${stack}`.split('\n')))
    process.exitCode = isForeseen ? error.exitCode : exitCodes.unknown
  }
}

const timeoutFor = (target: string): Option =>
  new Option('--timeout <time>', `with ${target}: how long to wait, such as 30s or 5m`)
    .argParser(checked(milliseconds))
    .default(milliseconds(defaultTimeout), defaultTimeout)

function processId(text: string): number {
  const pid = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(pid) && pid > 0) return pid
  throw new InvalidArgumentError('Expected a number, 1 or more.')
}
