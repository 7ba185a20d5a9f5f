/** The successor as its predecessor sees it: starts it, watches it, gives it the service, and ends it. */
import type { HandoverError } from '../base/errors.js'
import type { FinalReport } from '../base/report.js'
import { withTimeout } from '../base/timeouts.js'
import type { FromPredecessor } from '../protocol/generation-messages.js'
import { envelope } from '../protocol/message-table.js'
import { type Grant, type GrantEvent, type GrantStep, nextGrant } from './ownership.js'
import { type ProcessEvents, RestartingProcess } from './restarting-process.js'
import { type Exit, formatExit, notReadyInTime, successorFailed } from './successor-errors.js'
import { type SuccessorEvents, SuccessorMessages, type TakenOver } from './successor-messages.js'
import type { SuccessorProcess } from './successor-process.js'
import { Waits } from './waits.js'

/** How long a successor may take to exit after SIGTERM, in addition to the time for its requests. */
const endMs = 5_000
/** How long each step of taking over may take. */
const takeOverMs = 5_000
/** How long the successor may take to read the last messages. */
const readMs = 5_000

export class Successor {
  readonly messages: SuccessorMessages
  readonly #events: SuccessorEvents
  readonly #signals: readonly string[]
  readonly #child: RestartingProcess
  readonly #waits = new Waits()
  #ending: Promise<void> | undefined
  #grant: Grant = 'kept'

  /** Errors: `ERR_HANDOVER_SPAWN`, here or from {@link untilReady}, depending on when the operating system reports it. */
  constructor(spawn: () => SuccessorProcess, signals: readonly string[], events: SuccessorEvents) {
    this.#events = events
    this.#signals = signals
    this.messages = new SuccessorMessages(events, {
      'stand-down': () => this.standDown(),
      'no-more': () => {
        events.onNoMore()
        this.send({ type: 'no-more' })
      },
    })
    this.#child = new RestartingProcess(spawn, this.#processEvents())
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Whether this generation would serve again if the successor ended now. */
  get standsBy(): boolean {
    return this.#grant === 'given'
  }

  get exit(): Exit | undefined {
    return this.#child.exit
  }

  /** Resolves when the successor is ready. Errors: `ERR_HANDOVER_SPAWN`, `_SUCCESSOR_EXITED`, `_READY_TIMEOUT`, `_WIRE_VERSION`, `_STATE`. */
  async untilReady(readyTimeoutMs: number): Promise<void> {
    if (await this.#waits.isLate(readyTimeoutMs, this.messages.ready.promise))
      throw notReadyInTime(this.pid, readyTimeoutMs)
  }

  /** Resolves when the successor has run for `probationMs`. Errors: `ERR_HANDOVER_PROBATION`. */
  async outliveProbation(probationMs: number): Promise<void> {
    await this.#waits.isLate(probationMs, new Promise<never>(() => {}))
  }

  /** Resolves when the successor answers that it can take over. Errors: `ERR_HANDOVER_PROBATION`. */
  async offer(): Promise<void> {
    this.#step('outlived')
    if (await this.#waits.isLate(takeOverMs, this.messages.canTakeOver.promise))
      throw this.#didNot('answer that it can take over')
  }

  /**
   * Gives the successor the service, and resolves when it has taken over. Until then this generation owns the service.
   * Errors: `ERR_HANDOVER_PROBATION`.
   */
  async own(): Promise<TakenOver> {
    this.#step('can-take-over')
    if (await this.#waits.isLate(takeOverMs, this.messages.tookOver.promise)) throw this.#didNot('take over')
    return this.messages.tookOver.promise
  }

  /** From now on this generation does not serve again, even if the successor dies. */
  standDown(): void {
    if (this.#step('stand-down')) this.#events.onStoodDown()
  }

  /** This generation has stopped serving: the successor owns the service. */
  letGo(): void {
    this.#step('took-over')
  }

  /** The last check before this generation stops serving. */
  throwIfFailed(): void {
    this.#waits.throwIfFailed()
  }

  /** Makes {@link untilReady} and the later waits reject with `reason`. */
  fail(reason: HandoverError): void {
    this.#waits.fail(reason)
  }

  send(message: FromPredecessor): void {
    if (!this.#child.connected) return
    this.#child.send(envelope<FromPredecessor>(message), undefined, (error) => {
      // The successor has died: its exit gives the reason.
      if (error) this.messages.openConnections = 0
    })
  }

  /** Calls `done` when the message has left this process, or with the reason why it cannot. */
  sendHandle(message: FromPredecessor, handle: object, done: (error: Error | null) => void): void {
    if (this.#child.connected) this.#child.send(envelope<FromPredecessor>(message), handle, done)
    else done(new Error('the channel to the successor is closed'))
  }

  /**
   * Sends the last message. Resolves when the successor has read all messages, or never will: when the sender exits, libuv
   * drops unread messages after one with a handle (docs/decisions/0012-many-handles-at-a-time.md).
   */
  async finish(report: FinalReport): Promise<void> {
    this.send({ type: 'finished', report })
    await withTimeout(readMs, (limit) => this.#waits.until(this.messages.allRead.promise, limit)).catch(
      () => {},
    )
  }

  /**
   * Ends the successor, and resolves when it has exited. A ready successor gets time for its in-flight requests. A second
   * call waits for the first one: a second SIGTERM would cut the requests.
   */
  end(event: 'failed' | 'shutdown', drainTimeoutMs: number): Promise<void> {
    this.#ending ??= this.#end(event, this.messages.isReady ? drainTimeoutMs + endMs : endMs)
    return this.#ending
  }

  cutShort(): void {
    this.#child.kill()
  }

  async #end(event: 'failed' | 'shutdown', politeMs: number): Promise<void> {
    const { end } = this.#step(event) ?? {}
    await this.#child.end(end === 'at-once' ? 'SIGKILL' : 'SIGTERM', politeMs)
  }

  /** Lets this process exit before the successor. */
  release(): void {
    this.#child.release()
  }

  #processEvents(): ProcessEvents {
    return {
      restartsAfter: (signal) => this.#isBooting() && this.#signals.includes(signal),
      onMessage: (raw, handle) => this.#onMessage(raw, handle),
      onNotStarted: (error) => this.fail(error),
      onExit: (exit) => this.#onExit(exit),
      onDisconnect: () => {
        this.messages.allRead.resolve()
        this.#events.onGone()
      },
      // A successor that closes its channel and keeps running cannot take over.
      onChannelLost: () =>
        this.fail(successorFailed('ERR_HANDOVER_PROBATION', 'closed its channel to this generation', this)),
      onAllRead: (exit) => {
        if (this.#step('ended')) this.#events.onLost(exit)
        else this.#events.onGone()
      },
    }
  }

  /**
   * Until the preload listens for it, a reload signal ends Node. The signal must not fail the reload that it requests
   * (test/handover/signals.test.ts).
   */
  #isBooting(): boolean {
    return !this.messages.isReady && !this.#ending && !this.#waits.hasFailed
  }

  /** Advances the ownership of the service, if `event` has an effect. */
  #step(event: GrantEvent): GrantStep | undefined {
    const step = nextGrant(this.#grant, event)
    if (!step) return undefined
    this.#grant = step.grant
    if (step.send) this.send({ type: step.send })
    return step
  }

  #onMessage(raw: unknown, handle: unknown): void {
    try {
      this.messages.take(raw, handle)
    } catch (error) {
      this.fail(error as HandoverError)
    }
  }

  #didNot(what: string): HandoverError {
    return successorFailed('ERR_HANDOVER_PROBATION', `did not ${what} within ${takeOverMs} ms`, this)
  }

  #onExit(exit: Exit): void {
    // 'disconnect' comes before or after 'exit'.
    this.#events.onGone()
    this.fail(
      this.messages.isReady
        ? successorFailed('ERR_HANDOVER_PROBATION', `${formatExit(exit)} within its probation`, this)
        : successorFailed('ERR_HANDOVER_SUCCESSOR_EXITED', `${formatExit(exit)} before it was ready`, this),
    )
  }
}
