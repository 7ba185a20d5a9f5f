/** `handover run`: starts the service from the command line, and connects it to the operating system. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import {
  activatedListeners,
  defaults,
  type Logger,
  lineLogger,
  listenForSignals,
  type Origin,
  platform,
  readOrigin,
  ServiceManager,
  successorCommand,
} from '@handover/core/supervision'
import { exitCodes } from '../command-line/exit-codes.js'
import { type NodeCommand, readCommand } from '../command-line/node-command.js'
import { type ContentWatchParts, watchContents } from '../operations/content-watch.js'
import { ControlTarget } from '../operations/control-target.js'
import { pin } from '../operations/previous-release.js'
import { ReloadSignals } from '../operations/reload-signals.js'
import type { RollingReload } from '../operations/rolling-reload.js'
import { type Schedule, scheduleReloads } from '../operations/scheduled-reloads.js'
import { Service } from '../operations/service.js'
import { watchSources } from '../operations/source-watch.js'
import { checkNode } from '../operations/worker-node.js'
import { warnOfZombies } from '../operations/zombies.js'
import { memoryOf, supervisorTitle, zombiesOf } from '../service-client/process-status.js'
import { ListenerPool } from '../supervisor/listener-pool.js'
import type { ReleaseCommand } from '../supervisor/release-command.js'
import type { Supervisor } from '../supervisor/supervisor.js'
import type { SupervisorParts } from '../supervisor/supervisor-parts.js'
import { createFiles, type FileOptions } from './service-files.js'

export interface RunOptions extends Schedule, FileOptions {
  readonly workers: number
  readonly readyTimeout?: number
  readonly drainTimeout?: number
  readonly cwd?: string
  readonly envFile?: string
  readonly watch?: boolean
  readonly watchPath?: readonly string[]
  readonly watchFiles?: readonly string[]
  readonly node?: string
}

/** Runs the service, and then exits with the exit code of the service. */
export async function run(words: readonly string[], options: RunOptions): Promise<never> {
  const logger = lineLogger(platform.pid)
  const program = readCommand(words, optionsBefore(words), options.node)
  if (typeof program === 'string') {
    logger.error({}, program)
    return platform.exit(exitCodes.usage)
  }
  process.title = [supervisorTitle, ...process.argv.slice(3)].join(' ')
  try {
    return platform.exit(await serve(program, options, logger))
  } catch (error) {
    logger.error({}, (error as Error).message)
    return platform.exit(1)
  }
}

/** Returns the options of `handover run` as written: everything between `run` and the program. */
function optionsBefore(words: readonly string[]): string[] {
  const given = process.argv.slice(3)
  const at = given.length - words.length
  // A configured program is not on the command line.
  if (!words.every((word, i) => given[at + i] === word)) return given
  return given[at - 1] === '--' ? given.slice(0, at - 1) : given.slice(0, at)
}

/** Resolves with the exit code. Errors: the reason why the very first start failed. */
async function serve(program: NodeCommand, options: RunOptions, logger: Logger): Promise<number> {
  const unsupported = platform.unsupported()
  if (unsupported) throw new Error(`handover run is not possible here: ${unsupported}`)
  if (options.maxMemory !== undefined && memoryOf(platform.pid) === undefined)
    throw new Error('--max-memory is not possible here: this system has no /proc. Use --reload-every.')
  const origin = readOrigin(platform)
  const serviceManager = new ServiceManager(platform, logger)
  // The supervisor notifies systemd and its watchdog, so a worker must not.
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC']) delete origin.environment[name]
  const command = () => commandOf(program, origin, options)
  command()
  const listeners = new ListenerPool()
  listeners.add(activatedListeners(origin.activation))
  const service = new Service(supervisorParts(options, { command, listeners, logger }))
  const signals = new ReloadSignals(service, logger)
  const controlled = new ControlTarget(service)
  service.reloadObservers.add((reload) => notifyOfReload(reload, service, serviceManager))
  const { supervisor } = service
  followSignals(supervisor, signals, serviceManager, logger)
  const request = (reason: string) => {
    logger.info({ reason }, `${reason}: reloading`)
    signals.request(reason)
  }
  const stopTriggers = await startTriggers(supervisor, options, origin, { request, logger })
  const stopLooking = warnOfZombies({ pid: platform.pid, zombies: () => zombiesOf(platform.pid), logger })
  const removeFiles = await createFiles(options, origin, controlled, logger)
  const { workers } = options
  try {
    await Promise.race([supervisor.start(), supervisor.ended])
    if (!supervisor.isStopping) {
      void serviceManager.ready(1)
      serviceManager.keepAlive()
      logger.info({ workers }, `${workers} ${workers === 1 ? 'worker serves' : 'workers serve'}`)
    }
    return await supervisor.ended
  } catch (error) {
    await serviceManager.failed((error as Error).message)
    throw error
  } finally {
    stopLooking()
    await stopTriggers()
    await removeFiles()
  }
}

/** Requests reloads for memory, on a schedule, and when a file changes. Returns a function that stops this. */
async function startTriggers(
  { slots }: Supervisor,
  { watch, watchPath = [], watchFiles = [], cwd = '.', ...schedule }: RunOptions,
  origin: Origin,
  parts: Pick<ContentWatchParts, 'request' | 'logger'>,
): Promise<() => Promise<void>> {
  const pids = () => slots.flatMap(({ worker }) => (worker?.ownsService ? worker.pid : []))
  const { request } = parts
  const paths = [...new Set(watchFiles.map((each) => resolve(origin.cwd, each)))]
  const endContents = await watchContents({ ...parts, paths })
  const endSchedule = scheduleReloads(schedule, { pids, memoryOf, request })
  const folders = [
    ...(watch ? [resolve(origin.cwd, cwd)] : []),
    ...watchPath.map((each) => resolve(origin.cwd, each)),
  ]
  const ends = await Promise.all(folders.map((folder) => watchSources(folder, request)))
  return async () => {
    endContents()
    endSchedule()
    await Promise.all(ends.map((end) => end()))
  }
}

function supervisorParts(
  { workers, readyTimeout, drainTimeout }: RunOptions,
  parts: Pick<SupervisorParts, 'command' | 'listeners' | 'logger'>,
): SupervisorParts {
  return {
    ...parts,
    workers,
    readyTimeoutMs: readyTimeout ?? defaults.readyTimeoutMs,
    limits: {
      ...(readyTimeout !== undefined && { readyTimeoutMs: readyTimeout }),
      ...(drainTimeout !== undefined && { drainTimeoutMs: drainTimeout }),
    },
  }
}

/** Called for each start, because release, Node and variables may change. Errors: the reason why no worker can start. */
function commandOf(program: NodeCommand, origin: Origin, { cwd, envFile, node }: RunOptions): ReleaseCommand {
  const fromFile = envFile === undefined ? {} : parseEnv(readFileSync(resolve(origin.cwd, envFile), 'utf8'))
  const environment = { ...fromFile, ...origin.environment }
  const command = successorCommand(
    { ...origin, environment, args: program.args },
    program,
    cwd === undefined ? {} : { cwd },
    'No process was started.',
  )
  if (node === undefined) return pin(command, program.args)
  const execPath = resolve(command.cwd, node)
  checkNode(execPath)
  return pin({ ...command, execPath }, program.args)
}

function followSignals(
  supervisor: Supervisor,
  signals: ReloadSignals,
  serviceManager: ServiceManager,
  logger: Logger,
): void {
  const actions = {
    shutdown(signal: string) {
      logger.info({ signal }, `${signal}: shutting down`)
      void serviceManager.stopping()
      void supervisor.stop()
    },
    cutShort(signal: string) {
      logger.warn({ signal }, `${signal} again: cutting the drain short`)
      supervisor.cutShort()
    },
    reload: (signal: string) => signals.request(signal),
  }
  const wanted = { reloadSignals: ['SIGHUP'], shutdownSignals: ['SIGTERM', 'SIGINT'] } as const
  listenForSignals(platform, wanted, actions, logger)
  for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) {
    platform.onSignal(signal, () => supervisor.signal(signal))
  }
}

function notifyOfReload(
  reload: RollingReload,
  { supervisor }: Service,
  serviceManager: ServiceManager,
): void {
  void serviceManager.reloading()
  const number = () => Math.max(...supervisor.slots.map(({ generation }) => generation))
  // Once the supervisor stops, the status is that it drains.
  const unlessStopping = (notify: () => Promise<void>) => (supervisor.isStopping ? undefined : notify())
  reload.proven.then(
    () => unlessStopping(() => serviceManager.ready(number())),
    (error: Error) => unlessStopping(() => serviceManager.reloadFailed(error.message)),
  )
}
