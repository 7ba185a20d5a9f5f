/** The next generation, seen from the one that starts it: start it, watch it, end it. */
import type { SendHandle } from 'node:child_process'
import { deferred } from '../base/deferred.js'
import { type ErrorData, HandoverError } from '../base/errors.js'
import type { FinalReport } from '../base/report.js'
import { LimitReached, turn, unlessAborted, within, withLimit } from '../base/timeouts.js'
import {
  type ConnectionMessage,
  type FromPredecessor,
  type Receipt,
  readFromSuccessor,
} from '../protocol/generation-messages.js'
import { envelope } from '../protocol/message-table.js'
import { type Grant, type GrantEvent, type GrantStep, nextGrant } from './ownership.js'
import { type Exit, endInWords, notReadyInTime, successorFailed } from './successor-errors.js'
import { notStarted, type SuccessorProcess } from './successor-process.js'
import { ForeignMessages } from './unknown-messages.js'

/** How long a successor that is told to end may take before it is killed, beside what its requests take. */
const endMs = 5_000
/** How long each step of taking over may take. */
const takeOverMs = 5_000
/** How long after its channel closes a successor may take to exit. */
const exitMs = 1_000
/** How long it may take to read what was sent last. */
const hearMs = 5_000
/** How many turns of the event loop read pending messages after a limit was reached. */
const lateTurns = 3

/** What a successor goes on with. */
export interface TakenOver {
  /** By the descriptor that it inherited. */
  readonly listeners: readonly number[]
  /** Those of them whose server speaks plain HTTP/1.1. */
  readonly http1: readonly number[]
  readonly protocols: readonly string[]
}

export interface SuccessorEvents {
  /** It listens on the channel, and wants to be greeted. */
  onHello(): void
  /** A receipt for connections that were sent. */
  onReceived(receipt: Receipt): void
  /** It takes no more connections; answered when nothing is sent any more. */
  onNoMore(): void
  /** It has ended, or closed the channel: nothing can be sent any more. */
  onGone(): void
  /** The successor requests the end of the drain of that generation: this one, or an earlier one. */
  onEndDrain(generation: number): void
  /** It asks for the state that this generation hands on. */
  onStateWanted(): void
  /** The successor sent a duplicate of a listener. */
  onDuplicate(listener: number, handle: object): void
  /** This generation no longer needs to stand by. */
  onStoodDown(): void
  /** The successor owned the service and has ended without `stand-down`. */
  onLost(exit: Exit): void
}

export class Successor {
  readonly #events: SuccessorEvents
  readonly #signals: readonly string[]
  readonly #spawn: () => SuccessorProcess
  #child: SuccessorProcess
  readonly #ended = deferred<Exit>()
  readonly #ready = deferred<void>()
  readonly #canTakeOver = deferred<void>()
  readonly #tookOver = deferred<TakenOver>()
  readonly #heard = deferred<void>()
  /** Aborts when this successor cannot be the one any more, with the reason. */
  readonly #failure = new AbortController()
  readonly #foreign = new ForeignMessages()
  #toldError: ErrorData | undefined
  #ending: Promise<void> | undefined
  #exit: Exit | undefined
  #open = 0
  #isReady = false
  #grant: Grant = 'kept'

  /** Errors: `ERR_HANDOVER_SPAWN`, here or from {@link untilReady}, as the system tells it at once or later. */
  constructor(spawn: () => SuccessorProcess, signals: readonly string[], events: SuccessorEvents) {
    this.#events = events
    this.#signals = signals
    this.#spawn = spawn
    this.#child = this.#start()
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Whether it has said so. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** Messages on the channel that were not ours. */
  get foreignMessages(): readonly string[] {
    return this.#foreign.shown
  }

  /** Whether this generation serves again if the successor ends now. */
  get standsBy(): boolean {
    return this.#grant === 'given'
  }

  get exit(): Exit | undefined {
    return this.#exit
  }

  /** Connections that it last said to have open, while on probation. */
  get openConnections(): number {
    return this.#open
  }

  /** Resolves when it is ready. Errors: `ERR_HANDOVER_SPAWN`, `_SUCCESSOR_EXITED`, `_READY_TIMEOUT`, `_WIRE_VERSION`, `_STATE`. */
  async untilReady(readyTimeoutMs: number): Promise<void> {
    if (await this.#isLate(readyTimeoutMs, this.#ready.promise))
      throw notReadyInTime(this.pid, readyTimeoutMs)
  }

  /** Resolves when it has lived for `probationMs`. Errors: `ERR_HANDOVER_PROBATION`. */
  async outliveProbation(probationMs: number): Promise<void> {
    await this.#isLate(probationMs, new Promise<never>(() => {}))
  }

  /**
   * Asks it whether it can take over, and resolves when it answers that it can. This generation still owns the
   * service. Errors: `ERR_HANDOVER_PROBATION`.
   */
  async offer(): Promise<void> {
    this.#step('outlived')
    if (await this.#isLate(takeOverMs, this.#canTakeOver.promise))
      throw this.#didNot('answer that it can take over')
  }

  /**
   * Gives it the service, and resolves when it has taken over, with the listeners that it serves. Until then this
   * generation owns the service. Errors: `ERR_HANDOVER_PROBATION`.
   */
  async own(): Promise<TakenOver> {
    this.#step('can-take-over')
    if (await this.#isLate(takeOverMs, this.#tookOver.promise)) throw this.#didNot('take over')
    return this.#tookOver.promise
  }

  /** This generation does not serve again, whatever happens to the successor. */
  standDown(): void {
    if (this.#step('stand-down')) this.#events.onStoodDown()
  }

  /** This generation has stopped serving: the successor owns the service. */
  letGo(): void {
    this.#step('took-over')
  }

  /** The last look before this generation lets go. */
  throwIfFailed(): void {
    this.#failure.signal.throwIfAborted()
  }

  /** Fails it from outside: what {@link untilReady} and the others wait for rejects with `reason`. */
  fail(reason: HandoverError): void {
    this.#failure.abort(reason)
  }

  send(message: FromPredecessor): void {
    if (!this.#child.connected) return
    this.#post(envelope<FromPredecessor>(message), undefined, (error) => {
      // It has died meanwhile: its exit tells.
      if (error) this.#open = 0
    })
  }

  /** Sends an open connection. Calls `failed` if it has not left this process. */
  sendConnection(message: ConnectionMessage, handle: object, failed: () => void): void {
    if (this.#child.connected)
      this.#post(envelope<FromPredecessor>(message), handle as SendHandle, (error) => error && failed())
    else failed()
  }

  /** Gives it something that only {@link finish} waits for: it is `out` of this process, or the channel is closed. */
  give(message: FromPredecessor, handle: object, out: () => void): void {
    if (!this.#child.connected) out()
    else this.#post(envelope<FromPredecessor>(message), handle as SendHandle, out)
  }

  /**
   * The last word. Resolves when it has read everything that was sent, or never will: libuv drops what is unread
   * behind a message with a handle when the sender is gone (docs/decisions/0012-many-handles-at-a-time.md).
   */
  async finish(report: FinalReport): Promise<void> {
    this.send({ type: 'finished', report })
    await withLimit(hearMs, (limit) => this.#until(this.#heard.promise, limit)).catch(() => {})
  }

  /**
   * Ends it, politely first, and resolves when it is gone and reaped. One that was ready has requests of its own
   * to finish, and gets the time for it. Asking twice gives the same answer: a second SIGTERM would cut them.
   */
  end(event: 'failed' | 'shutdown', drainTimeoutMs: number): Promise<void> {
    this.#ending ??= this.#end(event, this.#isReady ? drainTimeoutMs + endMs : endMs)
    return this.#ending
  }

  /** Ends it now. */
  cutShort(): void {
    this.#child.kill('SIGKILL')
  }

  async #end(event: 'failed' | 'shutdown', politeMs: number): Promise<void> {
    const { end } = this.#step(event) ?? {}
    if (this.#exit) return
    if (end === 'at-once') this.cutShort()
    else this.#child.kill('SIGTERM')
    await within(politeMs, this.#ended.promise).catch(() => this.cutShort())
    await this.#ended.promise
  }

  /** It stands on its own: this process does not wait for it. */
  release(): void {
    this.#child.unref()
    this.#child.channel?.unref()
  }

  #start(): SuccessorProcess {
    const child = this.#spawn()
    const disconnected = deferred()
    child.on('error', (error) => this.#onError(error))
    child.on('exit', (code, signal) => {
      if (this.#endedTooEarly(signal) && this.#startAgain()) return
      this.#onExit({ code, signal })
      void this.#whenAllIsRead(disconnected.promise, { code, signal })
    })
    child.on('disconnect', () => {
      disconnected.resolve()
      this.#onDisconnect(child)
    })
    child.on('message', (message, handle) => this.#onMessage(message, handle))
    return child
  }

  /**
   * Node ends at a reload signal in its first moments, until the preload listens for it. The signal asks for what
   * is under way: it shall neither be lost nor end the reload (test/handover/signals.test.ts).
   */
  #endedTooEarly(signal: string | null): boolean {
    const awaited = !this.#isReady && !this.#ending && !this.#failure.signal.aborted
    return awaited && signal !== null && this.#signals.includes(signal)
  }

  #startAgain(): boolean {
    try {
      this.#child = this.#start()
      return true
    } catch (error) {
      this.fail(error as HandoverError)
      return false
    }
  }

  #post(message: object, handle: SendHandle, done: (error: Error | null) => void): void {
    this.#child.send(message, handle, {}, done)
  }

  /** Advances the ownership of the service, if `event` has a meaning. */
  #step(event: GrantEvent): GrantStep | undefined {
    const step = nextGrant(this.#grant, event)
    if (!step) return undefined
    this.#grant = step.grant
    if (step.send) this.send({ type: step.send })
    return step
  }

  #until<T>(promise: Promise<T>, limit: AbortSignal): Promise<T> {
    return unlessAborted(promise, AbortSignal.any([this.#failure.signal, limit]))
  }

  /** Resolves with whether `promise` takes longer than `ms`. Rejects when this successor fails. */
  async #isLate(ms: number, promise: Promise<unknown>): Promise<boolean> {
    const settled = () => withLimit(ms, (limit) => this.#until(promise, limit))
    try {
      await settled()
      return false
    } catch (error) {
      if (!(error instanceof LimitReached)) throw error
    }
    // This process itself may have been stopped: it reads pending messages before the limit counts.
    for (let turns = 0; turns < lateTurns; turns++) await turn()
    this.throwIfFailed()
    return !(await Promise.race([promise.then(() => true), turn().then(() => false)]))
  }

  #onMessage(raw: unknown, handle: unknown): void {
    try {
      const message = readFromSuccessor(raw)
      if (message?.type === 'hello') this.#events.onHello()
      else if (message?.type === 'ready') this.#sayReady()
      else if (message?.type === 'duplicate') this.#onDuplicate(message.listener, handle)
      else if (message?.type === 'stand-down') this.standDown()
      else if (message?.type === 'can-take-over') this.#canTakeOver.resolve()
      else if (message?.type === 'took-over') this.#tookOver.resolve(message)
      else if (message?.type === 'no-more') this.#sendNoMore()
      else if (message?.type === 'heard') this.#heard.resolve()
      else if (message?.type === 'received') this.#events.onReceived(message)
      // The first: what core knows of an address in use says more than the uncaught error of Node that follows it.
      else if (message?.type === 'failed') this.#toldError ??= message.error
      else if (message?.type === 'state-wanted') this.#events.onStateWanted()
      else if (message?.type === 'end-drain') this.#events.onEndDrain(message.generation)
      else if (message?.type === 'open') this.#open = message.connections
      else this.#foreign.keep(raw)
    } catch (error) {
      this.fail(error as HandoverError)
    }
  }

  #onDuplicate(listener: number, handle: unknown): void {
    if (typeof handle === 'object' && handle !== null) this.#events.onDuplicate(listener, handle)
  }

  #sendNoMore(): void {
    this.#events.onNoMore()
    this.send({ type: 'no-more' })
  }

  #sayReady(): void {
    this.#isReady = true
    this.#ready.resolve()
  }

  #onError(error: Error): void {
    if (this.pid !== undefined) return
    this.#exit = { code: null, signal: null }
    this.#ended.resolve(this.#exit)
    this.fail(error instanceof HandoverError ? error : notStarted(this.#child.spawnfile ?? '', error))
  }

  /** Its exit gives the reason. If it closed the channel and keeps running, it can never take over. */
  #onDisconnect(child: SuccessorProcess): void {
    this.#heard.resolve()
    this.#events.onGone()
    void within(exitMs, this.#ended.promise).catch(() => {
      // A successor that a signal ended in its first moments was started again.
      if (child !== this.#child) return
      this.fail(this.#failed('ERR_HANDOVER_PROBATION', 'closed its channel to this generation'))
    })
  }

  /** Its last message may say that it left on purpose. */
  async #whenAllIsRead(disconnected: Promise<void>, exit: Exit): Promise<void> {
    await within(exitMs, disconnected).catch(() => {})
    if (this.#step('ended')) this.#events.onLost(exit)
    else this.#events.onGone()
  }

  #didNot(what: string): HandoverError {
    return this.#failed('ERR_HANDOVER_PROBATION', `did not ${what} within ${takeOverMs} ms`)
  }

  #onExit(exit: Exit): void {
    this.#exit = exit
    this.#ended.resolve(exit)
    // 'disconnect' comes before or after it.
    this.#events.onGone()
    this.fail(
      this.#isReady
        ? this.#failed('ERR_HANDOVER_PROBATION', `${endInWords(exit)} within its probation`)
        : this.#failed('ERR_HANDOVER_SUCCESSOR_EXITED', `${endInWords(exit)} before it was ready`),
    )
  }

  #failed(code: Parameters<typeof successorFailed>[0], what: string): HandoverError {
    const { pid } = this
    return successorFailed(code, what, { pid, exit: this.#exit, told: this.#toldError, lost: this.#open })
  }
}
