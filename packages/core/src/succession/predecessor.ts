/** The generation before, seen from the one that it started: what it gave, and what is said to it. */

import type { SendHandle } from 'node:child_process'
import { deferred } from '../base/deferred.js'
import { errorData, errorFrom, HandoverError } from '../base/errors.js'
import type { FinalReport } from '../base/report.js'
import type { Origin } from '../platform/launch-context.js'
import type { Platform, ProcessIdentity } from '../platform/process.js'
import {
  type ConnectionMessage,
  type FromPredecessor,
  type FromSuccessor,
  readFromPredecessor,
} from '../protocol/generation-messages.js'
import { type Inheritance, readInheritance } from '../protocol/inheritance.js'
import { envelope } from '../protocol/message-table.js'
import { type Claim, type ClaimEvent, nextClaim } from './ownership.js'
import { Receipts } from './receipts.js'

/** How often to check whether a process with a closed channel still runs. */
const askAgainMs = 250

/** How long the end of a process may follow the loss of its children, and how often it is checked. */
const endingMs = 1_000
const endingPollMs = 5

type Greeting = FromPredecessor & { type: 'greeting' }

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
  /** Something for a connection that came before. */
  onLate(id: number, data: unknown): void
}

/** The inheritance of this process; `undefined` in the first generation. Throws `ERR_HANDOVER_INHERITANCE_…`. */
export function readOwnInheritance(origin: Origin, platform: Platform): Inheritance | undefined {
  if (origin.inheritance === undefined) return undefined
  const inheritance = readInheritance(origin.inheritance)
  const starter = inheritance.supervisor?.pid ?? (inheritance.predecessor as number)
  const start = inheritance.supervisor ? inheritance.supervisor.start : inheritance.predecessorStart
  // One that was killed while we booted is not our parent any more, but it gave us a channel.
  const isOrphan = () => origin.hadChannel && endsSoon({ pid: starter, start }, platform)
  if (platform.ppid === starter || isOrphan()) return inheritance
  throw new HandoverError(
    'ERR_HANDOVER_INHERITANCE_FOREIGN',
    `The handover variables are for a child of process ${starter}, and this process (${platform.pid}) is a child of ` +
      `${platform.ppid}. Nothing was inherited. Start it without them, or without a program in between.`,
    { starter, pid: platform.pid, ppid: platform.ppid },
  )
}

/** A process that is being killed has lost its children a moment before it counts as ended. */
function endsSoon(process: ProcessIdentity, platform: Platform): boolean {
  const deadline = platform.now() + endingMs
  while (platform.isSame(process)) {
    if (platform.now() > deadline) return false
    platform.sleep(endingPollMs)
  }
  return true
}

export class Predecessor {
  readonly pid: number
  readonly generation: number
  readonly #process: ProcessIdentity
  readonly #platform: Platform
  readonly #events: PredecessorEvents
  readonly #ended = deferred()
  readonly #state = deferred<unknown>()
  readonly #noMore = deferred()
  readonly #greeting = deferred<Greeting['tlsSessions']>()
  #noMoreAsked = false
  #hasEnded = false
  #claim: Claim = 'waiting'
  #stateWanted = false
  readonly #receipts = new Receipts((receipt) => void this.say({ type: 'received', ...receipt }))
  /** Answers that are waited for. */
  #awaited = 0

  constructor(identity: ProcessIdentity, generation: number, platform: Platform, events: PredecessorEvents) {
    this.pid = identity.pid
    this.#process = identity
    this.generation = generation
    this.#platform = platform
    this.#events = events
    // Whoever does not ask for the state shall not be ended by its failure.
    this.#state.promise.catch(() => {})
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

  /** What sessions of its TLS servers need to go on, by the descriptor of their listener. */
  get tlsSessions(): Promise<Greeting['tlsSessions']> {
    return this.#greeting.promise
  }

  /** What it hands on. Errors: whatever it failed with over there, or that it ended first. */
  inheritedState(): Promise<unknown> {
    if (!this.#stateWanted) this.#askForState()
    this.#stateWanted = true
    return this.#state.promise
  }

  /** Takes no more connections. Resolves when all that were sent have come. */
  refuseConnections(): Promise<void> {
    if (!this.#noMoreAsked) void this.say({ type: 'no-more' })
    this.#noMoreAsked = true
    return this.#noMore.promise
  }

  /** Resolves when the message is out, or cannot get out. */
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

  sayFailed(thrown: unknown): Promise<void> {
    return this.say({ type: 'failed', error: errorData(thrown) })
  }

  #askForState(): void {
    void this.say({ type: 'state-wanted' })
    this.#stayUntil(this.#state.promise)
  }

  /** A program that waits for nothing but an answer of its predecessor must not end for want of work. */
  #stayUntil(answer: Promise<unknown>): void {
    const { channel } = this.#platform.channel() ?? {}
    if (this.#awaited++ === 0) channel?.ref()
    const answered = () => {
      if (--this.#awaited === 0) channel?.unref()
    }
    answer.then(answered, answered)
  }

  #listen(): void {
    const channel = this.#platform.channel()
    if (!channel?.connected) {
      queueMicrotask(() => this.#onDisconnect())
      return
    }
    channel.on('message', (raw: unknown, handle: unknown) => this.#onMessage(raw, handle))
    channel.once('disconnect', () => this.#onDisconnect())
    // The channel alone is no reason to stay.
    channel.channel?.unref()
    // What is sent before anybody asks goes to whoever in the program listens on the channel.
    void this.say({ type: 'hello' })
    this.#stayUntil(this.#greeting.promise)
  }

  #onDisconnect(): void {
    this.#settleAnswers()
    this.#whenEnded()
  }

  /** No more messages will arrive. */
  #settleAnswers(): void {
    this.#state.reject(
      new HandoverError(
        'ERR_HANDOVER_STATE',
        `Predecessor ${this.pid} ended, or closed the channel, before it handed over its state.`,
        { pid: this.pid },
      ),
    )
    this.#greeting.resolve([])
    this.#noMore.resolve()
  }

  /** A closed channel does not prove that the process has ended. Checks that until it has. */
  #whenEnded(): void {
    if (this.#hasEnded) return
    if (this.#platform.isSame(this.#process)) setTimeout(() => this.#whenEnded(), askAgainMs).unref()
    else this.end()
  }

  #onMessage(raw: unknown, handle: unknown): void {
    let message: ReturnType<typeof readFromPredecessor>
    try {
      message = readFromPredecessor(raw)
    } catch (error) {
      void this.sayFailed(error)
      return
    }
    if (message?.type === 'take-over') this.#events.onTakeOver()
    else if (message?.type === 'own') this.#events.onOwn()
    else if (message?.type === 'let-go') this.#events.onLetGo()
    else if (message?.type === 'taken-back') this.#onTakenBack()
    else if (message?.type === 'state') this.#state.resolve(message.value)
    else if (message?.type === 'state-failed') this.#state.reject(errorFrom(message.error))
    else if (message?.type === 'connection') this.#onConnection(message, handle)
    else if (message?.type === 'sent') this.#receipts.sent(message.upTo)
    else if (message?.type === 'late') this.#events.onLate(message.id, message.data)
    else if (message?.type === 'greeting') this.#greeting.resolve(message.tlsSessions)
    else if (message?.type === 'no-more') this.#noMore.resolve()
    else if (message?.type === 'finished') this.#onFinished(message.report)
    else if (message?.type === 'status') this.#events.onStatus(message)
    else if (message?.type === 'reload-again') this.#events.onReloadAgain(message.signal)
    else if (message?.type === 'control-client' && handle) this.#events.onControlClient(handle, message)
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

  /** It has ended. */
  end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#settleAnswers()
    this.#ended.resolve()
    this.#events.onEnded()
  }
}
