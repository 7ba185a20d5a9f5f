import type net from 'node:net'
import { errorData } from '../base/error-data.js'
import { type HandoverError, isReported } from '../base/errors.js'
import { timeout } from '../base/timeouts.js'
import { wrapClose } from '../platform/listener-handle.js'
import type { ControlEvent } from '../protocol/control-messages.js'
import type { FromSuccessor } from '../protocol/generation-messages.js'
import type { Inheritance, ListenerEntry, SupervisorEntry } from '../protocol/inheritance.js'
import { dispatch, envelope, type MessageHandlers } from '../protocol/message-table.js'
import { type FromSupervisor, readFromSupervisor } from '../protocol/supervisor-messages.js'
import { HeldListeners } from './held-listeners.js'
import { Rebalancing } from './rebalancing.js'
import { type OfSuccessor, RelayedChild } from './relayed-successor.js'
import { ignored } from './supervised-settings.js'
import { SupervisorChannel } from './supervisor-channel.js'
import type { SupervisorParts } from './supervisor-parts.js'

/** What a reload may take beside what its limits say: for taking over, and for ending a successor. */
const roundsMs = 15_000

/** How long the last message of a process that ends may take. */
const sayMs = 1_000

export class Supervisor {
  readonly pid: number
  readonly #parts: SupervisorParts
  readonly #channel: SupervisorChannel
  readonly #held: HeldListeners
  readonly #workers: number
  readonly #unused = new Set<string>()
  #successors = 0
  #rebalancing: Rebalancing | undefined
  #successor: { readonly id: number; readonly child: RelayedChild } | undefined
  readonly #handlers: MessageHandlers<Exclude<FromSupervisor, OfSuccessor>> = {
    reload: ({ before }) => this.#reload(before),
    shutdown: () => this.#parts.orders.stop((event) => this.#reportProgress(event)),
    'cut-short': () => this.#parts.orders.cutShort(),
    'status-wanted': () => this.#reportStatus(),
    listener: ({ entry }, handle) => this.#onListener(entry, handle),
    'close-listeners': ({ held }) => this.#parts.listeners.closeUnclaimed(held),
    'predecessor-ended': () => this.#parts.predecessorEnded(),
    'can-accept': () => this.#rebalancing?.answer(),
    share: ({ share, connections }) => this.#rebalancing?.send(share, connections),
    'from-peer': (message, handle) => this.#rebalancing?.receive(message, handle),
    'sent-to-peer': ({ share, upTo }) => this.#rebalancing?.onSent(share, upTo),
    'peer-accepted': (message) => this.#rebalancing?.confirm(message.share, message),
  }

  constructor(entry: SupervisorEntry, parts: SupervisorParts) {
    this.pid = entry.pid
    this.#workers = entry.workers ?? 1
    this.#parts = parts
    this.#channel = new SupervisorChannel({ pid: entry.pid, start: entry.start }, parts.platform)
    this.#held = new HeldListeners({
      ...parts,
      pid: parts.platform.pid,
      post: (message, handle) => this.#channel.post(message, handle),
    })
  }

  /** Introduces this process to the supervisor, and follows its orders from now on. */
  start(): void {
    this.#channel.listen({
      onMessage: (raw, handle) => this.#onMessage(raw, handle),
      onGone: () => this.#onGone(),
    })
    this.optionsChanged()
    this.#report()
    if (this.#workers > 1 && this.#parts.settings().moveConnections)
      this.#rebalancing = this.#newRebalancing()
  }

  /** Whether the supervisor runs. Without it this process ends. */
  get alive(): boolean {
    return this.#channel.alive
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

  /** A server listens. */
  keepListeners(): void {
    this.#held.keep()
  }

  /** A server has another listener than before. */
  onRestored(server: net.Server): void {
    this.#held.onRestored(server)
  }

  /** Requests a successor. Its listeners are those of the supervisor, in the order of `inheritance`. */
  startSuccessor(
    { generation, signals, unavailable = [], listeners }: Inheritance,
    servers: readonly net.Server[],
  ): RelayedChild {
    this.#held.keepNow()
    const id = ++this.#successors
    const child = new RelayedChild(id, (message, handle, done) => this.#post(message, handle, done))
    this.#successor = { id, child }
    const named = listeners.map((entry, i) => this.#held.named(entry, servers[i]))
    this.#post({
      type: 'start-successor',
      successor: id,
      wanted: { generation, signals, unavailable, listeners: named },
    })
    return child
  }

  /** A signal requests a reload of all workers. */
  askForReload(): void {
    this.#post({ type: 'reload-wanted' })
  }

  /** Without a predecessor, only the supervisor can log why this process ends. Resolves when sent, or when it cannot be. */
  sayFailed(thrown: unknown): Promise<void> {
    const sent = new Promise<void>((resolve) => {
      this.#channel.send(
        envelope<FromSuccessor>({ type: 'failed', error: errorData(thrown) }),
        undefined,
        () => resolve(),
      )
    })
    return timeout(sayMs, sent).catch(() => {})
  }

  #newRebalancing(): Rebalancing {
    const { tracker, incoming, isEnding, settings, events } = this.#parts
    const rebalancing = new Rebalancing({
      tracker,
      incoming,
      isEnding,
      maySendAway: () => settings().moveConnections,
      servers: () => this.#held.servers(),
      post: (message, handle, done) => this.#post(message, handle, done),
    })
    events.on('state', ({ state }) => state === 'draining' && rebalancing.stop())
    return rebalancing
  }

  #post(...message: Parameters<SupervisorChannel['post']>): void {
    this.#channel.post(...message)
  }

  /** Reports what happens to this generation. */
  #report(): void {
    const { events, undoAtEnd } = this.#parts
    events.on('state', ({ state, because, onProbation }) => {
      this.#held.keepNow()
      const more = { ...(because && { because }), ...(onProbation && { onProbation }) }
      this.#post({ type: 'state', state, ...more, ...this.#ending() })
    })
    events.on('handed-over', (report) => this.#post({ type: 'reloaded', report }))
    events.on('reload-failed', (error) => this.#reportFailed(error))
    events.on('report', (report) => this.#post({ type: 'drained', report }))
    undoAtEnd(wrapClose((server, close) => this.#held.onClose(server, close)))
  }

  #reportFailed(error: HandoverError): void {
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
    const { proven, drained } = orders.reload((event) => this.#reportProgress(event))
    // The same failure.
    drained.catch(() => {})
    proven.catch((error: HandoverError) => {
      // A failure was reported when it happened, and the reload under way reports itself.
      if (!isReported(error) && error.code !== 'ERR_HANDOVER_IN_PROGRESS') this.#reportFailed(error)
    })
  }

  #reportProgress(event: ControlEvent): void {
    this.#post({ type: 'progress', event })
  }

  #reportStatus(): void {
    const status = this.#parts.orders.status()
    if (status) this.#post({ type: 'status', status })
  }

  /** No process starts a successor of this one now, and the next supervisor needs its ports. */
  #onGone(): void {
    const { predecessorEnded, logger, orders } = this.#parts
    this.#successor?.child.lose()
    this.#rebalancing?.abandon()
    predecessorEnded()
    logger.warn({ supervisor: this.pid }, `the supervisor ${this.pid} has gone: shutting down`)
    orders.shutdown()
  }
}
