/** The next generation, seen from the one that starts it: start it, watch it, end it. */
import type { SendHandle } from 'node:child_process'
import { deferred } from './deferred.js'
import { type ErrorData, HandoverError } from './errors.js'
import { ForeignMessages } from './foreign-messages.js'
import { LimitReached, unlessAborted, within, withLimit } from './limits.js'
import type { FinalReport } from './report.js'
import { notStarted, type SuccessorProcess } from './spawn.js'
import { type Exit, endInWords, notReadyInTime, successorFailed } from './successor-failed.js'
import { type ConnectionMessage, envelope, type FromPredecessor, readFromSuccessor } from './wire.js'

/** How long a successor that is told to end may take before it is killed, beside what its requests take. */
const endMs = 5_000
/** How long a proven successor may take to say that it took over. */
const takeOverMs = 5_000
/** How long it may take to read what was sent last. */
const hearMs = 5_000

/** What a successor goes on with. */
export interface TakenOver {
  /** By the descriptor that it inherited. */
  readonly listeners: readonly number[]
  readonly protocols: readonly string[]
}

export interface SuccessorEvents {
  /** It listens on the channel, and wants to be greeted. */
  onHello(): void
  /** It has the next `count` connections of those that were sent. */
  onReceived(count: number): void
  /** It takes no more connections; answered when nothing is sent any more. */
  onNoMore(): void
  /** It has ended, or closed the channel: nothing can be sent any more. */
  onGone(): void
  /** It asks for the state that this generation hands on. */
  onStateWanted(): void
}

export class Successor {
  readonly #events: SuccessorEvents
  readonly #signals: readonly string[]
  readonly #spawn: () => SuccessorProcess
  #child: SuccessorProcess
  readonly #ended = deferred<Exit>()
  readonly #ready = deferred<void>()
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

  get exit(): Exit | undefined {
    return this.#exit
  }

  /** Connections that it last said to have open, while on probation. */
  get openConnections(): number {
    return this.#open
  }

  /** Resolves when it is ready. Errors: `ERR_HANDOVER_SPAWN`, `_SUCCESSOR_EXITED`, `_READY_TIMEOUT`, `_WIRE_VERSION`, `_STATE`. */
  async untilReady(readyTimeoutMs: number): Promise<void> {
    try {
      await withLimit(readyTimeoutMs, (limit) => this.#until(this.#ready.promise, limit))
    } catch (error) {
      throw error instanceof LimitReached ? notReadyInTime(this.pid, readyTimeoutMs) : error
    }
  }

  /** Resolves when it has lived for `probationMs`. Errors: `ERR_HANDOVER_PROBATION`. */
  async outliveProbation(probationMs: number): Promise<void> {
    const survived = withLimit(probationMs, (limit) => this.#until(new Promise<never>(() => {}), limit))
    await survived.catch((error: unknown) => {
      if (!(error instanceof LimitReached)) throw error
    })
  }

  /**
   * Tells it that it is proven, and resolves when it says that it can go on alone, with the listeners that it
   * serves. Errors: `ERR_HANDOVER_PROBATION`.
   */
  async takeOver(): Promise<TakenOver> {
    this.send({ type: 'proven' })
    try {
      return await withLimit(takeOverMs, (limit) => this.#until(this.#tookOver.promise, limit))
    } catch (error) {
      if (!(error instanceof LimitReached)) throw error
      throw this.#failed('ERR_HANDOVER_PROBATION', `did not take over within ${takeOverMs} ms`)
    }
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
    this.#post(envelope(message), undefined, (error) => {
      // It has died meanwhile: its exit tells.
      if (error) this.#open = 0
    })
  }

  /** Gives it an open connection. */
  sendConnection(message: ConnectionMessage, handle: object): void {
    if (!this.#child.connected) this.#events.onGone()
    else
      this.#post(envelope(message), handle as SendHandle, (error) => {
        if (error) this.#events.onGone()
      })
  }

  /** Gives it something that only {@link finish} waits for: it is `out` of this process, or the channel is closed. */
  give(message: FromPredecessor, handle: object, out: () => void): void {
    if (!this.#child.connected) out()
    else this.#post(envelope(message), handle as SendHandle, out)
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
  end(drainTimeoutMs: number): Promise<void> {
    this.#ending ??= this.#end(this.#isReady ? drainTimeoutMs + endMs : endMs)
    return this.#ending
  }

  /** Ends it now. */
  cutShort(): void {
    this.#child.kill('SIGKILL')
  }

  async #end(politeMs: number): Promise<void> {
    if (this.#exit) return
    this.#child.kill('SIGTERM')
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
    child.on('error', (error) => this.#onError(error))
    child.on('exit', (code, signal) => {
      if (!this.#endedTooEarly(signal) || !this.#startAgain()) this.#onExit({ code, signal })
    })
    child.on('disconnect', () => {
      this.#heard.resolve()
      this.#events.onGone()
    })
    child.on('message', (message) => this.#onMessage(message))
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

  #until<T>(promise: Promise<T>, limit: AbortSignal): Promise<T> {
    return unlessAborted(promise, AbortSignal.any([this.#failure.signal, limit]))
  }

  #onMessage(raw: unknown): void {
    try {
      const message = readFromSuccessor(raw)
      if (message?.type === 'hello') this.#events.onHello()
      else if (message?.type === 'ready') this.#sayReady()
      else if (message?.type === 'took-over') this.#tookOver.resolve(message)
      else if (message?.type === 'no-more') this.#sendNoMore()
      else if (message?.type === 'heard') this.#heard.resolve()
      else if (message?.type === 'received') this.#events.onReceived(message.count)
      // The first: what core knows of an address in use says more than the uncaught error of Node that follows it.
      else if (message?.type === 'failed') this.#toldError ??= message.error
      else if (message?.type === 'state-wanted') this.#events.onStateWanted()
      else if (message?.type === 'open') this.#open = message.connections
      else this.#foreign.keep(raw)
    } catch (error) {
      this.fail(error as HandoverError)
    }
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
