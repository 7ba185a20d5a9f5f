#!/usr/bin/env node
// The `handover` command: its options and help. The code of a command loads when the command runs.
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { checked } from './command-line/checked.js'
import { configure } from './command-line/configuration.js'
import { exitCodes } from './command-line/exit-codes.js'
import { answerPm2 } from './command-line/pm2-words.js'
import { bytes, milliseconds, paths, workers } from './command-line/values.js'
import { addOperatingCommands } from './commands/operate.js'
import type { RunOptions } from './commands/run.js'
import { outliveReaders, printToStderr } from './terminal/output.js'

const runHelp = `
The program must use @handover/fastify, express, koa or core, or start with core:
  handover run -- node --import @handover/core/register server.js

Configuration:
  handover.config.json, or "handover" in package.json, sets these options in camel case, and "command":
  { "command": "server.js", "workers": "max", "drainTimeout": "60s" }

Signals:
  SIGHUP            replace all workers, one after another; the first failure ends the reload and is logged;
                    during a reload: reload again afterwards
  SIGTERM, SIGINT   finish requests in flight and exit; a second signal cuts the drain short
  SIGUSR1, SIGUSR2  forward the signal to the workers

Changed files:
  With --watch-files, handover run compares contents every second, wherever links lead, as in volumes of Kubernetes.
  Files that keep their contents start no reload. If a reload fails, the running workers keep serving, and the next
  change tries again. The path must exist at the start. If it disappears later, the workers keep serving.

When a worker dies, a replacement starts: at once if the worker had served for 10 s, otherwise after 1 s. Each further
crash makes that pause 1.5 times as long, up to 30 s. The supervisor keeps the listeners open, so clients that connect
in the meantime wait.

Exit codes:
  the largest exit code of the workers; 128 plus the signal number for a worker that a signal ended
  1  the first worker could not be started or did not become ready, or a path of --watch-files cannot be read; the log
     has the reason
  2  the command line is wrong`

const help = `
These commands use the control socket of a running service (--control, HANDOVER_CONTROL or ./handover.sock):
  handover reload    returns when the new release serves, or prints why it does not
  handover status    shows the generations, and what a drain is waiting for
  handover scale N   changes the number of workers of handover run, and returns when they serve or have drained
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

let configuredWords: readonly string[] = []

const runCommand = program
  .command('run')
  .description('run a Node.js server in the foreground, keep it running, and reload it on SIGHUP')
  .usage('[options] server.js [arguments…]')
  .argument('[command...]', 'the program with its arguments; options of Node: -- node [options] server.js')
  .option(
    '--workers <number>',
    'number of worker processes; "max" starts one for each core',
    checked(workers),
    1,
  )
  .option(
    '--control <path>',
    'path of the control socket to create (default: HANDOVER_CONTROL, or ./handover.sock)',
  )
  .option('--pid-file <path>', 'file to write the PID of this process to')
  .option(
    '--ready-timeout <time>',
    'how long a worker may take to become ready, such as 500ms, 60s or 2m',
    checked(milliseconds),
  )
  .option('--drain-timeout <time>', 'how long open connections may take to finish', checked(milliseconds))
  .option(
    '--max-memory <amount>',
    'reload when a worker uses more than this, such as 500M or 2G; at most once a minute',
    checked(bytes),
  )
  .option(
    '--watch',
    'for development: reload when a source file in the working directory of the workers changes',
  )
  .option('--watch-path <folder>', 'the same for a file in this folder', checked(paths))
  .option(
    '--watch-files <path>',
    'reload when the contents of this file or folder change, such as configuration and secrets; repeatable',
    checked(paths),
  )
  .option('--reload-every <time>', 'reload whenever this time has passed, such as 24h', checked(milliseconds))
  .option('--cwd <folder>', 'working directory of the workers; a symbolic link is resolved at each start')
  .option(
    '--env-file <path>',
    'file with variables for the workers, read at each start; the environment takes precedence',
  )
  .option(
    '--node <path>',
    'Node binary for the workers, relative to their working directory; links are resolved at each start',
  )
  .passThroughOptions()
  .addHelpText('after', runHelp)
  .action(async (command: string[], options: RunOptions) => {
    const { run } = await import('./commands/run.js')
    await run(command.length > 0 ? command : configuredWords, options)
  })

addOperatingCommands(program)

program.hook('preAction', (_program, command) => {
  try {
    configuredWords = configure(command, runCommand, process.cwd())
  } catch (error) {
    program.error(`error: ${(error as Error).message}`, { exitCode: exitCodes.usage })
  }
})

const pm2Answer = answerPm2(process.argv.slice(2))
if (pm2Answer) {
  printToStderr(`handover: ${pm2Answer}`)
  process.exitCode = exitCodes.usage
} else {
  await program.parseAsync()
}
