/** The previous generation, as its successor sees it: its messages, and the messages to it. */
import type { SendHandle } from 'node:child_process'
import { deferred } from '../base/deferred.js'
import { errorData, errorFrom } from '../base/error-data.js'
import type { FinalReport } from '../base/report.js'
import type { Platform, ProcessIdentity } from '../platform/process.js'
import {
  type ConnectionMessage,
  type FromPredecessor,
  type FromSuccessor,
  readFromPredecessor,
} from '../protocol/generation-messages.js'
import type { TlsSessions } from '../protocol/inheritance.js'
import { dispatch, envelope, type MessageHandlers } from '../protocol/message-table.js'
import { type Claim, type ClaimEvent, nextClaim } from './ownership.js'
import { PredecessorAnswers } from './predecessor-answers.js'
import { Receipts } from './receipts.js'

/** How often to check whether a process with a closed channel still runs. */
const askAgainMs = 250

export interface PredecessorEvents {
  /** The predecessor asks whether this generation can take over: answer with {@link Predecessor.claim}. */
  onTakeOver(): void
  /** The predecessor gives the service away. */
  onOwn(): void
  /** The predecessor has stopped serving. */
  onLetGo(): void
  /** The predecessor keeps the service: this generation must exit. */
  onTakenBack(): void
  /** The predecessor's process has ended. */
  onEnded(): void
  onFinished(report: FinalReport): void
  onStatus(message: FromPredecessor & { type: 'status' }): void
  /** A reload signal reached the predecessor after it had begun a reload. */
  onReloadAgain(signal: string): void
  onControlClient(handle: object, client: FromPredecessor & { type: 'control-client' }): void
  /** Returns whether this process continues the connection. */
  onConnection(message: ConnectionMessage, handle: object): boolean
  /** More data for a connection that arrived before. */
  onFollowUp(id: number, data: unknown): void
}

export class Predecessor {
  readonly pid: number
  readonly generation: number
  readonly #process: ProcessIdentity
  readonly #platform: Platform
  readonly #events: PredecessorEvents
  readonly #ended = deferred()
  readonly #answers: PredecessorAnswers
  #noMoreAsked = false
  #hasEnded = false
  #claim: Claim = 'waiting'
  #stateWanted = false
  readonly #receipts = new Receipts((receipt) => void this.say({ type: 'received', ...receipt }))
  readonly #handlers: MessageHandlers<FromPredecessor> = {
    'take-over': () => this.#events.onTakeOver(),
    own: () => this.#events.onOwn(),
    'let-go': () => this.#events.onLetGo(),
    'taken-back': () => this.#onTakenBack(),
    state: ({ value }) => this.#answers.state.resolve(value),
    'state-failed': ({ error }) => this.#answers.state.reject(errorFrom(error)),
    connection: (message, handle) => this.#onConnection(message, handle),
    sent: ({ upTo }) => this.#receipts.sent(upTo),
    'follow-up': ({ id, data }) => this.#events.onFollowUp(id, data),
    greeting: ({ tlsSessions }) => this.#answers.greeting.resolve(tlsSessions),
    'no-more': () => this.#answers.noMore.resolve(),
    finished: ({ report }) => this.#onFinished(report),
    status: (message) => this.#events.onStatus(message),
    'reload-again': ({ signal }) => this.#events.onReloadAgain(signal),
    'control-client': (message, handle) => handle && this.#events.onControlClient(handle, message),
  }

  constructor(identity: ProcessIdentity, generation: number, platform: Platform, events: PredecessorEvents) {
    this.pid = identity.pid
    this.#process = identity
    this.generation = generation
    this.#platform = platform
    this.#events = events
    this.#answers = new PredecessorAnswers(() => platform.channel()?.channel)
    this.#listen()
  }

  /** Resolves when the predecessor has ended. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Whether the predecessor owns the service, or took this generation back. */
  get ownsNothing(): boolean {
    return this.#claim !== 'owner'
  }

  /** Advances the claim and informs the predecessor, if `event` has a meaning. Returns whether it had one. */
  claim(event: ClaimEvent): boolean {
    const step = nextClaim(this.#claim, event)
    if (!step) return false
    this.#claim = step.claim
    // The caller sends `took-over` when this generation has taken over.
    if (step.send && step.send !== 'took-over') void this.say({ type: step.send })
    return true
  }

  /** The keys to resume TLS sessions, by the descriptor of the listener. */
  get tlsSessions(): Promise<readonly (readonly [number, TlsSessions])[]> {
    return this.#answers.greeting.promise
  }

  /** The state that the predecessor hands on. Errors: that of its `provideState`, or `ERR_HANDOVER_STATE` if it ends first. */
  inheritedState(): Promise<unknown> {
    if (!this.#stateWanted) this.#askForState()
    this.#stateWanted = true
    return this.#answers.state.promise
  }

  /** Asks for no more connections. Resolves when all that were sent have arrived. */
  refuseConnections(): Promise<void> {
    if (!this.#noMoreAsked) void this.say({ type: 'no-more' })
    this.#noMoreAsked = true
    return this.#answers.noMore.promise
  }

  /** Resolves when the message is sent, or when it cannot be. */
  say(message: FromSuccessor): Promise<void> {
    const channel = this.#platform.channel()
    return new Promise((resolve) => {
      if (!channel?.connected || !channel.send) resolve()
      else channel.send(envelope<FromSuccessor>(message), undefined, undefined, () => resolve())
    })
  }

  /** Sends a duplicate of a listener, which the predecessor keeps while it stands by. */
  giveDuplicate(listener: number, handle: object): void {
    const channel = this.#platform.channel()
    if (channel?.connected)
      channel.send(
        envelope<FromSuccessor>({ type: 'duplicate', listener }),
        handle as SendHandle,
        {},
        () => {},
      )
  }

  reportFailure(thrown: unknown): Promise<void> {
    return this.say({ type: 'failed', error: errorData(thrown) })
  }

  #askForState(): void {
    void this.say({ type: 'state-wanted' })
    this.#answers.stayUntil(this.#answers.state.promise)
  }

  #listen(): void {
    const channel = this.#platform.channel()
    if (!channel?.connected) {
      queueMicrotask(() => this.#onDisconnect())
      return
    }
    channel.on('message', (raw: unknown, handle: unknown) => this.#onMessage(raw, handle))
    channel.once('disconnect', () => this.#onDisconnect())
    // The channel alone must not keep the process running.
    channel.channel?.unref()
    // Asks for messages now: earlier ones would reach listeners of the program instead.
    void this.say({ type: 'hello' })
    this.#answers.stayUntil(this.#answers.greeting.promise)
  }

  #onDisconnect(): void {
    this.#answers.end(this.pid)
    this.#whenEnded()
  }

  /** A closed channel does not prove that the process has ended. Checks that until it has. */
  #whenEnded(): void {
    if (this.#hasEnded) return
    if (this.#platform.isSame(this.#process)) setTimeout(() => this.#whenEnded(), askAgainMs).unref()
    else this.end()
  }

  #onMessage(raw: unknown, handle: unknown): void {
    let message: FromPredecessor | undefined
    try {
      message = readFromPredecessor(raw)
    } catch (error) {
      void this.reportFailure(error)
      return
    }
    if (message) dispatch(message, this.#handlers, handle)
  }

  #onTakenBack(): void {
    if (this.claim('taken-back')) this.#events.onTakenBack()
  }

  #onFinished(report: FinalReport): void {
    this.#events.onFinished(report)
    void this.say({ type: 'heard' })
  }

  #onConnection(message: ConnectionMessage, handle: unknown): void {
    this.#receipts.take(message, handle, (own) => this.#events.onConnection(message, own))
  }

  /** The process of the predecessor has ended. */
  end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#answers.end(this.pid)
    this.#ended.resolve()
    this.#events.onEnded()
  }
}
