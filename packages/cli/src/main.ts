#!/usr/bin/env node
// The `handover` command: its options and help. The code of a command loads when the command runs.
import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import { exitCodes } from './command-line/exit-codes.js'
import { milliseconds, workers } from './command-line/values.js'
import { addOperatingCommands } from './commands/operate.js'
import type { RunOptions } from './commands/run.js'
import { outliveReaders } from './terminal/output.js'

const runHelp = `
The program must use @handover/fastify, express, koa or core, or start with core:
  handover run -- node --import @handover/core/register server.js

Signals:
  SIGHUP            replace all workers, one after another; the first failure ends the reload and is logged;
                    during a reload: reload again afterwards
  SIGTERM, SIGINT   finish requests in flight, and exit; a second signal cuts the drain short
  SIGUSR1, SIGUSR2  passed on to the workers

When a worker dies, a replacement starts: at once if the worker had served for 10 s, otherwise after 1 s, ×1.5 each
time, at most 30 s. The supervisor holds the listeners: clients that connect meanwhile wait.

Exit codes:
  the largest exit code of the workers; 128 plus the signal number for a worker that a signal ended
  1  the first worker could not be started, or did not become ready; the log has the reason
  2  the command line is wrong`

const help = `
These commands talk to the control socket of a running service (--control, HANDOVER_CONTROL or ./handover.sock):
  handover reload    returns when the new release serves, or prints why it does not
  handover status    shows the generations, and what holds a drain
  handover stop      finishes requests in flight, stops the service, and returns when it has exited
Exit codes and examples: handover COMMAND --help`

/** package.json is beside the folder of this file, in the workspace and in the package. */
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

outliveReaders()

const program = new Command('handover')
  .description('Runs a Node.js server as one stable process, and replaces it without a client noticing.')
  .version(version)
  .enablePositionalOptions()
  .addHelpText('after', help)
  .showHelpAfterError('(see handover --help)')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : exitCodes.usage))

program
  .command('run')
  .description('run a Node.js server in the foreground, keep it running, and reload it at SIGHUP')
  .usage('[options] -- node server.js [arguments…]')
  .argument('<command...>', 'Node, and the program with its arguments')
  .option('--workers <number>', 'how many processes serve; "max": one for each core', checked(workers), 1)
  .option(
    '--control <path>',
    'serve the control socket there (default: HANDOVER_CONTROL, or ./handover.sock)',
  )
  .option('--pid-file <path>', 'write the pid of this process there')
  .option(
    '--ready-timeout <time>',
    'how long a worker may take to become ready, such as 500ms, 60s or 2m',
    checked(milliseconds),
  )
  .option('--drain-timeout <time>', 'how long open connections may take to finish', checked(milliseconds))
  .option('--cwd <folder>', 'where workers start; a symbolic link is followed anew at each start')
  .option('--env-file <path>', 'variables for the workers, read anew at each start; the environment wins')
  .passThroughOptions()
  .addHelpText('after', runHelp)
  .action(async (command: string[], options: RunOptions) => {
    const { run } = await import('./commands/run.js')
    await run(command, options)
  })

addOperatingCommands(program)

await program.parseAsync()

function checked<T>(read: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return read(text)
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message)
    }
  }
}
