/**
 * The supervisor (`handover run`), seen from a worker: it started this process, starts its successors, and holds
 * duplicates of its listeners. What a generation does differently under it is here.
 */
import type { SendHandle } from 'node:child_process'
import type { EventEmitter } from 'node:events'
import type net from 'node:net'
import { errorData } from '../base/error-data.js'
import { type HandoverError, isReported } from '../base/errors.js'
import type { GracefulEvents } from '../base/events.js'
import type { Logger } from '../base/logger.js'
import type { GracefulOptions, Settings } from '../base/settings.js'
import { within } from '../base/timeouts.js'
import type { Tracker } from '../connections/tracker.js'
import type { Listeners } from '../listeners/listeners.js'
import { withoutHandleQueue } from '../platform/ipc-channel.js'
import { bareListener, wrapClose } from '../platform/listener-handle.js'
import type { Platform, ProcessIdentity } from '../platform/process.js'
import type { ControlEvent, GenerationStatus } from '../protocol/control-messages.js'
import type { FromSuccessor } from '../protocol/generation-messages.js'
import type { Inheritance, ListenerEntry, SupervisorEntry } from '../protocol/inheritance.js'
import { dispatch, envelope, type MessageHandlers } from '../protocol/message-table.js'
import { type FromSupervisor, type FromWorker, readFromSupervisor } from '../protocol/supervisor-messages.js'
import type { Arrivals } from '../transfer/incoming.js'
import { Rebalancing } from './rebalancing.js'
import { type OfSuccessor, RelayedChild } from './relayed-successor.js'
import { ignored } from './supervised-settings.js'

/** What a reload may take beside what its limits say: for taking over, and for ending a successor. */
const roundsMs = 15_000

/** How often to check whether a supervisor with a closed channel still runs. */
const askAgainMs = 250

/** How long the last message of a process that ends may take. */
const sayMs = 1_000

type Sent = (error: Error | null) => void

/** What a supervisor can order a generation to do. */
export interface SupervisorOrders {
  reload(progress: (event: ControlEvent) => void): {
    readonly proven: Promise<unknown>
    readonly drained: Promise<unknown>
  }
  /** A shutdown, with progress. */
  stop(progress: (event: ControlEvent) => void): void
  shutdown(): void
  cutShort(): void
  status(): GenerationStatus | undefined
}

export interface SupervisorParts {
  readonly platform: Platform
  readonly logger: Logger
  readonly listeners: Listeners
  readonly tracker: Tracker
  readonly arrivals: Arrivals
  readonly events: EventEmitter<GracefulEvents>
  readonly orders: SupervisorOrders
  readonly settings: () => Settings
  /** The options that the program set. */
  readonly given: () => GracefulOptions
  /** How many hooks the program registered. */
  readonly hooks: () => { readonly beforeDrain: number; readonly drained: number }
  /** This generation drains or has exited. */
  readonly isEnding: () => boolean
  readonly predecessorEnded: () => void
  /** Calls `undo` when the generation lets go of the process. */
  readonly undoAtEnd: (undo: () => void) => void
}

export class Supervisor {
  readonly pid: number
  readonly #process: ProcessIdentity
  readonly #parts: SupervisorParts
  readonly #workers: number
  /** Names of the listeners that were bound here. */
  readonly #names = new WeakMap<net.Server, string>()
  readonly #unused = new Set<string>()
  #bound = 0
  #willKeep = false
  #successors = 0
  #rebalancing: Rebalancing | undefined
  #successor: { readonly id: number; readonly child: RelayedChild } | undefined
  readonly #handlers: MessageHandlers<Exclude<FromSupervisor, OfSuccessor>> = {
    reload: ({ before }) => this.#reload(before),
    shutdown: () => this.#parts.orders.stop((event) => this.#tellProgress(event)),
    'cut-short': () => this.#parts.orders.cutShort(),
    'status-wanted': () => this.#tellStatus(),
    listener: ({ entry }, handle) => this.#onListener(entry, handle),
    unlisten: ({ held }) => this.#parts.listeners.closeUnclaimed(held),
    'predecessor-ended': () => this.#parts.predecessorEnded(),
    takes: () => this.#rebalancing?.answer(),
    share: ({ share, connections }) => this.#rebalancing?.send(share, connections),
    'from-peer': (message, handle) => this.#rebalancing?.receive(message, handle),
    'sent-to-peer': ({ share, upTo }) => this.#rebalancing?.onSent(share, upTo),
    'peer-has': (message) => this.#rebalancing?.confirm(message.share, message),
  }

  constructor(entry: SupervisorEntry, parts: SupervisorParts) {
    this.pid = entry.pid
    this.#process = { pid: entry.pid, start: entry.start }
    this.#workers = entry.workers ?? 1
    this.#parts = parts
  }

  /** Introduces this process to the supervisor, and follows its orders from now on. */
  start(): void {
    this.#listen()
    this.optionsChanged()
    this.#tell()
    if (this.#workers > 1 && this.#parts.settings().moveConnections)
      this.#rebalancing = this.#newRebalancing()
  }

  /** Whether it is there; without it this process ends. */
  get alive(): boolean {
    return this.#parts.platform.isSame(this.#process)
  }

  /** Sends the limits to the supervisor, first and after later registrations. Logs options without effect. */
  optionsChanged(): void {
    const { given, logger, settings } = this.#parts
    const unused = ignored(given()).filter((name) => !this.#unused.has(name))
    for (const name of unused) this.#unused.add(name)
    if (unused.length > 0)
      logger.info({ unused }, `these options have no effect under a supervisor: ${unused.join(', ')}`)
    const { readyTimeoutMs, probationMs, drainTimeoutMs } = settings()
    // A successor that fails late may take as long to exit as its requests take.
    const reloadMs = readyTimeoutMs + probationMs + drainTimeoutMs + roundsMs
    this.#post({ type: 'registered', readyTimeoutMs, reloadMs, ...this.#ending() })
  }

  /**
   * A server listens. Handles all servers that begin to listen in one turn of the event loop together: the cost of each
   * pass grows with the number of listeners.
   */
  keepListeners(): void {
    if (this.#willKeep) return
    this.#willKeep = true
    setImmediate(() => this.#keepNow())
  }

  /** Sends the supervisor duplicates of the listeners bound here, and the list of served ones. */
  #keepNow(): void {
    if (!this.#willKeep) return
    this.#willKeep = false
    const all = this.#parts.listeners.handOn()
    for (const { server, entry } of all) {
      if (entry.held !== undefined || this.#names.has(server)) continue
      const held = `${this.#parts.platform.pid}:${++this.#bound}`
      this.#names.set(server, held)
      this.#post({ type: 'listener', entry: { ...entry, held } }, bareListener(server))
    }
    if (this.#parts.isEnding()) return
    const held = all.flatMap(({ server, entry }) => this.#named(entry, server).held ?? [])
    this.#post({ type: 'serves', held })
  }

  /** A server has another listener than before: to the supervisor it is a new one. */
  onRestored(server: net.Server): void {
    this.#names.delete(server)
    this.keepListeners()
  }

  /** Has a successor started. Its listeners are those of the supervisor, in the order of `inheritance`. */
  startSuccessor(
    { generation, signals, unavailable = [], listeners }: Inheritance,
    servers: readonly net.Server[],
  ): RelayedChild {
    this.#keepNow()
    const id = ++this.#successors
    const child = new RelayedChild(id, (message, handle, done) => this.#post(message, handle, done))
    this.#successor = { id, child }
    const named = listeners.map((entry, i) => this.#named(entry, servers[i]))
    this.#post({
      type: 'start-successor',
      successor: id,
      wanted: { generation, signals, unavailable, listeners: named },
    })
    return child
  }

  /** A signal asks for a reload: all workers of the supervisor are meant. */
  askForReload(): void {
    this.#post({ type: 'reload-wanted' })
  }

  /** Without a predecessor, only the supervisor can log why this process ends. Resolves when sent, or when it cannot be. */
  sayFailed(thrown: unknown): Promise<void> {
    const sent = new Promise<void>((resolve) => {
      this.#send(envelope<FromSuccessor>({ type: 'failed', error: errorData(thrown) }), undefined, () =>
        resolve(),
      )
    })
    return within(sayMs, sent).catch(() => {})
  }

  #named(entry: ListenerEntry, server: net.Server | undefined): ListenerEntry {
    const held = entry.held ?? (server && this.#names.get(server))
    return held === undefined ? entry : { ...entry, held }
  }

  #newRebalancing(): Rebalancing {
    const { tracker, arrivals, isEnding, settings, listeners, events } = this.#parts
    const rebalancing = new Rebalancing({
      tracker,
      arrivals,
      isEnding,
      maySendAway: () => settings().moveConnections,
      servers: () =>
        listeners.handOn().flatMap(({ server, entry }) => {
          const { held } = this.#named(entry, server)
          return held === undefined ? [] : [[server, held] as const]
        }),
      post: (message, handle, done) => this.#post(message, handle, done),
    })
    events.on('state', ({ state }) => state === 'draining' && rebalancing.stop())
    return rebalancing
  }

  /** The program closes a server: what the supervisor holds would queue connections that nobody answers. */
  #onClose(server: net.Server, close: () => void): void {
    this.#keepNow()
    const { isEnding, listeners } = this.#parts
    const served = isEnding() ? undefined : listeners.handOn().find((each) => each.server === server)
    close()
    const held = served && this.#named(served.entry, server).held
    if (held === undefined) return
    // When it listens again, it binds another listener.
    this.#names.delete(server)
    this.#post({ type: 'closed', held })
  }

  #post(message: FromWorker, handle?: object, done?: Sent): void {
    this.#send(envelope<FromWorker>(message), handle, done)
  }

  #send(message: object, handle?: object, done: Sent = () => {}): void {
    const channel = this.#parts.platform.channel()
    if (!channel?.connected || !channel.send) done(new Error('the supervisor has gone'))
    else channel.send(message, handle as SendHandle, {}, done)
  }

  #listen(): void {
    const channel = this.#parts.platform.channel()
    if (!channel?.connected) {
      queueMicrotask(() => this.#whenGone())
      return
    }
    withoutHandleQueue(channel)
    channel.on('message', (raw: unknown, handle: unknown) => this.#onMessage(raw, handle))
    channel.once('disconnect', () => this.#whenGone())
    channel.channel?.unref()
  }

  /** What happens here is told. */
  #tell(): void {
    const { events, undoAtEnd } = this.#parts
    events.on('state', ({ state, because, onProbation }) => {
      this.#keepNow()
      const more = { ...(because && { because }), ...(onProbation && { onProbation }) }
      this.#post({ type: 'now', state, ...more, ...this.#ending() })
    })
    events.on('handed-over', (report) => this.#post({ type: 'reloaded', report }))
    events.on('reload-failed', (error) => this.#tellFailed(error))
    events.on('report', (report) => this.#post({ type: 'drained', report }))
    undoAtEnd(wrapClose((server, close) => this.#onClose(server, close)))
  }

  #tellFailed(error: HandoverError): void {
    const { report } = error
    this.#post({ type: 'reload-failed', error: errorData(error), ...(report && { report }) })
  }

  /** How long a shutdown may take from now on. */
  #ending(): { drainMs: number; hooksMs: number } {
    const { shutdownDelayMs, drainTimeoutMs, hookTimeoutMs } = this.#parts.settings()
    const hooks = this.#parts.hooks()
    return {
      drainMs: hookTimeoutMs * hooks.beforeDrain + shutdownDelayMs + drainTimeoutMs,
      hooksMs: hookTimeoutMs * hooks.drained,
    }
  }

  #onMessage(raw: unknown, handle: unknown): void {
    let message: FromSupervisor | undefined
    try {
      message = readFromSupervisor(raw)
    } catch {
      // A message of a predecessor with another version: succession/predecessor.ts reports it.
      return
    }
    if (!message) return
    if ('successor' in message) this.#onSuccessorMessage(message)
    else dispatch(message, this.#handlers, handle)
  }

  #onSuccessorMessage(message: OfSuccessor): void {
    if (this.#successor?.id === message.successor) this.#successor.child.hear(message)
  }

  /** A listener that another worker has bound. */
  #onListener(entry: ListenerEntry, handle: unknown): void {
    if (typeof handle !== 'object' || handle === null) return
    this.#parts.listeners.inherit(entry, handle)
    this.keepListeners()
  }

  #reload(before: number): void {
    const { logger, platform, orders } = this.#parts
    const lateMs = Math.round(platform.monotonicMs() - before)
    if (lateMs > 0) {
      // This process was stopped, or its event loop was blocked. A later order has its own time limit.
      logger.warn(
        { lateMs },
        `ignoring an order to reload that was read ${lateMs} ms too late; send another one`,
      )
      return
    }
    const { proven, drained } = orders.reload((event) => this.#tellProgress(event))
    // The same failure.
    drained.catch(() => {})
    proven.catch((error: HandoverError) => {
      // A failure was reported when it happened, and the reload under way reports itself.
      if (!isReported(error) && error.code !== 'ERR_HANDOVER_IN_PROGRESS') this.#tellFailed(error)
    })
  }

  #tellProgress(event: ControlEvent): void {
    this.#post({ type: 'progress', event })
  }

  #tellStatus(): void {
    const status = this.#parts.orders.status()
    if (status) this.#post({ type: 'status', status })
  }

  /** A closed channel does not prove that the process has ended. Checks that until it has. */
  #whenGone(): void {
    if (this.alive) setTimeout(() => this.#whenGone(), askAgainMs).unref()
    else this.#onGone()
  }

  /** Nobody starts a successor, or starts this process again, any more: the next supervisor wants the ports. */
  #onGone(): void {
    const { predecessorEnded, logger, orders } = this.#parts
    this.#successor?.child.lose()
    this.#rebalancing?.abandon()
    predecessorEnded()
    logger.warn({ supervisor: this.pid }, `the supervisor ${this.pid} has gone: shutting down`)
    orders.shutdown()
  }
}
