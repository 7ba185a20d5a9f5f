/** How a generation comes up: what must listen, what must be done before, and the probation after. */
import type net from 'node:net'
import { deferred } from '../base/deferred.js'
import { HandoverError } from '../base/errors.js'
import type { Generation } from './generation.js'
import { type Awaited, Readiness } from './readiness.js'

/** How often a generation on probation says what it has open. */
const tellOpenMs = 50
/** How many descriptors may be in transit at a time. Unread ones count against a limit of the user (unix(7)). */
const mostDuplicates = 100
/** How long a server may listen without the application that is waited for, before we wonder. */
const wonderMs = 5_000

export class Startup {
  readonly #generation: Generation
  readonly #readiness = new Readiness()
  readonly #ready = deferred()
  #begun = false

  constructor(generation: Generation) {
    this.#generation = generation
    // Whoever does not wait for it shall not be ended by its failure.
    this.#ready.promise.catch(() => {})
  }

  /** Resolves when this generation is ready. Errors: `ERR_HANDOVER_ADDRESS_IN_USE`, and those of `beforeReady` hooks. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  /** Whether this generation owns the service: its socket files, PID file and control socket. */
  get ownsService(): boolean {
    return this.#generation.predecessor?.ownsNothing !== true
  }

  /** The server is its owner's affair again. Returns whether it was the last that was waited for. */
  forget(server: net.Server): boolean {
    return this.#readiness.forget(server)
  }

  /** What must listen before this generation is ready. */
  await(what: Awaited): void {
    this.#readiness.await(what)
    const isThere = 'nothing' in what || ('server' in what && what.server.listening)
    if (isThere) setImmediate(() => this.consider())
  }

  onClosed(server: net.Server): void {
    this.#readiness.closed(server)
  }

  onListening(server: net.Server): void {
    this.#readiness.listening(server)
    this.consider()
  }

  /** A successor that cannot bind has failed, even if its program takes no notice. */
  onListenError(server: net.Server, error: Error): void {
    const { state, predecessor } = this.#generation
    if (state.name !== 'starting') return
    if (predecessor) void this.#fail(error)
    else if (this.#readiness.awaits(server)) this.#ready.reject(error)
  }

  /** Begins, if all that was waited for is there. */
  consider(): void {
    if (this.#generation.settings.ready === 'manual') return
    if (this.#readiness.complete) this.begin()
    else this.#wonder()
  }

  /** It can serve, as far as anybody knows: the hooks run, then it is ready. Once. */
  begin(): void {
    if (this.#begun) return
    this.#begun = true
    this.#generation.takeSignals()
    this.#prepare().catch((error: unknown) => this.#fail(error))
  }

  /** Answers the predecessor's question whether this generation can take over, or fails and exits. */
  onTakeOver(): void {
    const { predecessor } = this.#generation
    if (this.#servesOn()) predecessor?.claim('take-over')
  }

  /** The predecessor gives the service away. */
  onOwn(): void {
    if (this.#servesOn() && this.#generation.predecessor?.claim('own')) this.#takeOwnership()
  }

  /** The predecessor has stopped serving. */
  onLetGo(): void {
    const { listeners, logger } = this.#generation
    const unclaimed = listeners.unclaimed()
    if (unclaimed.length > 0) {
      logger.info({ unclaimed }, `closing inherited listeners that no server uses: ${unclaimed.join(', ')}`)
    }
    listeners.closeUnclaimed()
  }

  /** The predecessor's process has ended, whether or not it had stopped serving. */
  onPredecessorEnded(): void {
    const { state, predecessor } = this.#generation
    if (predecessor?.claim('predecessor-ended') && state.name === 'ready') this.#takeOwnership()
    else if (this.ownsService && state.name !== 'starting') this.onLetGo()
  }

  async #prepare(): Promise<void> {
    const generation = this.#generation
    // A kept signal may have requested a shutdown.
    if (generation.state.name !== 'starting') return
    await generation.hooks.runBeforeReady()
    generation.listeners.continueTlsSessions((await generation.predecessor?.tlsSessions) ?? [])
    // A reader of this line may send a request right away.
    if (!generation.predecessor) await generation.control.start()
    if (generation.state.name !== 'starting') return
    generation.listeners.startAccepting()
    const onProbation = !this.ownsService
    generation.dispatch({ name: 'ready', onProbation })
    void generation.predecessor?.say({ type: 'ready' })
    if (onProbation) this.#tellWhatIsOpen()
    else this.#takeOwnership()
    this.#ready.resolve()
  }

  /** Whether this release still serves the inherited listeners that it used. If not, it fails. */
  #servesOn(): boolean {
    const { state, listeners } = this.#generation
    if (state.name !== 'ready' || !state.onProbation) return false
    const unused = listeners.unusedInherited()
    const stopped = listeners.stopped()
    if (unused.length > 0) void this.#fail(otherAddress(unused))
    else if (stopped.length > 0) void this.#fail(notListening(stopped))
    return unused.length === 0 && stopped.length === 0
  }

  #takeOwnership(): void {
    const { listeners, arrivals, control, predecessor, serviceManager, number } = this.#generation
    this.#generation.dispatch({ name: 'proven' })
    void control.start()
    this.#generation.writePidFile()
    if (predecessor && !predecessor.hasEnded) {
      this.#giveDuplicates()
      // The predecessor informs systemd and closes its listeners before it asks us to close the unused ones.
      const served = {
        listeners: listeners.claimed(),
        http1: listeners.http1(),
        protocols: arrivals.protocols,
      }
      void predecessor.say({ type: 'took-over', ...served })
    } else {
      void serviceManager.ready(number)
      this.onLetGo()
    }
    this.#generation.takeKeptSignal()
  }

  /** Lets the predecessor serve again if this generation dies while the predecessor drains. */
  #giveDuplicates(): void {
    const { listeners, predecessor, supervisor } = this.#generation
    if (supervisor) return
    for (const [fd, handle] of listeners.duplicable().slice(0, mostDuplicates))
      predecessor?.giveDuplicate(fd, handle)
  }

  /** What is lost if it dies now, for the predecessor's report. */
  #tellWhatIsOpen(): void {
    const generation = this.#generation
    let told = 0
    const timer = setInterval(() => {
      const { state, tracker, predecessor } = generation
      if (state.name !== 'ready' || !state.onProbation) return clearInterval(timer)
      if (tracker.size !== told) void predecessor?.say({ type: 'open', connections: tracker.size })
      told = tracker.size
    }, tellOpenMs)
    timer.unref()
  }

  /** This generation cannot come up. */
  async #fail(error: unknown): Promise<void> {
    const { logger, number, predecessor, supervisor, serviceManager, platform } = this.#generation
    this.#ready.reject(error)
    const why = error instanceof Error ? error.message : String(error)
    logger.error({ err: error }, `generation ${number} cannot come up: ${why}`)
    const stays = !predecessor && !this.#generation.settings.exit
    if (stays) this.#generation.letGo()
    await (predecessor ?? supervisor)?.sayFailed(error)
    // If another process owns the service, systemd's status belongs to that process.
    if (!predecessor) await serviceManager.failed(`generation ${number} cannot come up: ${why}`)
    if (!stays) platform.exit(1)
  }

  /** A server that listens while its application is missing is most likely a wrapper around it. */
  #wonder(): void {
    const application = this.#readiness.missingApplication()
    if (!application) return
    const timer = setTimeout(() => {
      if (this.#begun || this.#readiness.complete) return
      this.#generation.logger.warn(
        {},
        `not ready: a server listens, but none that serves the ${application} application itself. If it is ` +
          "wrapped, use graceful(server) of @handover/core, or ready: 'manual'",
      )
    }, wonderMs)
    timer.unref()
  }
}

function otherAddress(unclaimed: readonly string[]): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_OTHER_ADDRESS',
    `It listens elsewhere: not on ${unclaimed.join(', ')}, nor on anything else that its predecessor serves. To ` +
      'change the address, let one release listen on both, or stop and start the service.',
    { unclaimed },
  )
}

function notListening(stopped: readonly string[]): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_NOT_LISTENING',
    `It closed ${stopped.join(', ')} within its probation, so nothing would serve there.`,
    { stopped },
  )
}
