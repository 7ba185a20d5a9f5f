/** The predecessor as its successor sees it: its messages, and the messages to it. */
import type { SendHandle } from 'node:child_process'
import { deferred } from '../base/deferred.js'
import { errorData, errorFrom } from '../base/error-data.js'
import { HandoverError } from '../base/errors.js'
import type { FinalReport } from '../base/report.js'
import type { Platform, ProcessIdentity } from '../platform/process.js'
import {
  type ConnectionMessage,
  type FromPredecessor,
  type FromSuccessor,
  type PeerMessage,
  readFromPredecessor,
} from '../protocol/generation-messages.js'
import type { TlsSessions } from '../protocol/inheritance.js'
import { dispatch, envelope, type MessageHandlers } from '../protocol/message-table.js'
import { type Claim, type ClaimEvent, nextClaim } from './ownership.js'
import { Receipts } from './receipts.js'

/** How often to check whether a predecessor with a closed channel still runs. */
const checkMs = 250

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
  /** The predecessor got a reload signal after it had begun a reload. */
  onReloadAgain(signal: string): void
  onControlClient(handle: object, client: FromPredecessor & { type: 'control-client' }): void
  /** Returns whether this process continues the connection. */
  onConnection(message: ConnectionMessage, handle: object): boolean
  /** More data for a connection that has arrived. */
  onFollowUp(id: number, data: unknown): void
  /** Data of a protocol. */
  onPeerData(message: PeerMessage): void
}

export class Predecessor {
  readonly pid: number
  readonly generation: number
  readonly #process: ProcessIdentity
  readonly #platform: Platform
  readonly #events: PredecessorEvents
  readonly #ended = deferred()
  /** The answers to `hello`, `state-wanted` and `no-more`. Each arrives at most once. */
  readonly #tlsSessions = deferred<readonly (readonly [number, TlsSessions])[]>()
  readonly #state = deferred<unknown>()
  readonly #noMore = deferred()
  /** How many answers keep the process running. */
  #awaited = 0
  #hasRefused = false
  #hasEnded = false
  #claim: Claim = 'waiting'
  #hasRequestedState = false
  readonly #receipts = new Receipts((receipt) => void this.send({ type: 'received', ...receipt }))
  readonly #handlers: MessageHandlers<FromPredecessor> = {
    'take-over': () => this.#events.onTakeOver(),
    own: () => this.#events.onOwn(),
    'let-go': () => this.#events.onLetGo(),
    'taken-back': () => this.claim('taken-back') && this.#events.onTakenBack(),
    state: ({ value }) => this.#state.resolve(value),
    'state-failed': ({ error }) => this.#state.reject(errorFrom(error)),
    connection: (message, handle) =>
      this.#receipts.take(message, handle, (own) => this.#events.onConnection(message, own)),
    sent: ({ upTo }) => this.#receipts.sent(upTo),
    'follow-up': ({ id, data }) => this.#events.onFollowUp(id, data),
    'peer-data': (message) => this.#events.onPeerData(message),
    greeting: ({ tlsSessions }) => this.#tlsSessions.resolve(tlsSessions),
    'no-more': () => this.#noMore.resolve(),
    finished: ({ report }) => {
      this.#events.onFinished(report)
      void this.send({ type: 'heard' })
    },
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
    // A missing state must not crash a program that does not use it.
    this.#state.promise.catch(() => {})
    this.#listen()
  }

  /** Resolves when the predecessor's process has ended. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Whether this generation owns the service. */
  get hasGivenService(): boolean {
    return this.#claim === 'owner'
  }

  /** Advances the claim and informs the predecessor, if `event` has an effect. Returns whether it had one. */
  claim(event: ClaimEvent): boolean {
    const step = nextClaim(this.#claim, event)
    if (!step) return false
    this.#claim = step.claim
    // The caller sends `took-over` when this generation has taken over.
    if (step.send && step.send !== 'took-over') void this.send({ type: step.send })
    return true
  }

  /** The keys to resume TLS sessions, by the descriptor of the listener. */
  get tlsSessions(): Promise<readonly (readonly [number, TlsSessions])[]> {
    return this.#tlsSessions.promise
  }

  /** The state from the predecessor. Errors: that of its `provideState`, or `ERR_HANDOVER_STATE` if it ends first. */
  inheritedState(): Promise<unknown> {
    if (!this.#hasRequestedState) {
      void this.send({ type: 'state-wanted' })
      this.#stayUntil(this.#state.promise)
    }
    this.#hasRequestedState = true
    return this.#state.promise
  }

  /** Asks for no more connections. Resolves when all sent ones have arrived. */
  refuseConnections(): Promise<void> {
    if (!this.#hasRefused) void this.send({ type: 'no-more' })
    this.#hasRefused = true
    return this.#noMore.promise
  }

  /** Resolves when the message has been sent, or cannot be. */
  send(message: FromSuccessor, handle?: object): Promise<void> {
    const channel = this.#platform.channel()
    return new Promise((resolve) => {
      if (!channel?.connected || !channel.send) resolve()
      else channel.send(envelope<FromSuccessor>(message), handle as SendHandle, undefined, () => resolve())
    })
  }

  reportFailure(thrown: unknown): Promise<void> {
    return this.send({ type: 'failed', error: errorData(thrown) })
  }

  /** Called when the predecessor's process has ended. */
  onEnded(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#endAnswers()
    this.#ended.resolve()
    this.#events.onEnded()
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
    // The predecessor sends nothing before `hello`: the program's own listeners would get its messages.
    void this.send({ type: 'hello' })
    this.#stayUntil(this.#tlsSessions.promise)
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

  /** Keeps the process running until `answer` settles, even if the program has nothing else to do. */
  #stayUntil(answer: Promise<unknown>): void {
    const channel = this.#platform.channel()?.channel
    if (this.#awaited++ === 0) channel?.ref()
    const leave = () => {
      if (--this.#awaited === 0) channel?.unref()
    }
    answer.then(leave, leave)
  }

  /** The predecessor sends no more messages. */
  #endAnswers(): void {
    const { pid } = this
    const why = `Predecessor ${pid} exited or closed its channel before it sent its state.`
    this.#state.reject(new HandoverError('ERR_HANDOVER_STATE', why, { pid }))
    this.#tlsSessions.resolve([])
    this.#noMore.resolve()
  }

  #onDisconnect(): void {
    this.#endAnswers()
    this.#awaitEnd()
  }

  /** A closed channel does not prove that the process has ended, so this checks until it has. */
  #awaitEnd(): void {
    if (this.#hasEnded) return
    if (this.#platform.isSame(this.#process)) setTimeout(() => this.#awaitEnd(), checkMs).unref()
    else this.onEnded()
  }
}
