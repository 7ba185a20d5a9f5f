/** The link from a worker to its supervisor: reports what happens to this generation, and follows orders. */
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
import { type OfSuccessor, RelayedSuccessor } from './relayed-successor.js'
import { unusedOptions } from './supervised-settings.js'
import { type Post, SupervisorChannel } from './supervisor-channel.js'
import type { SupervisorParts } from './supervisor-parts.js'

/** How long a reload may take beyond its configured limits: to take over, and to end a successor. */
const overheadMs = 15_000

/** How long the last message of an exiting process may take. */
const lastMessageMs = 1_000

export class SupervisorLink {
  readonly listeners: HeldListeners
  readonly #entry: SupervisorEntry
  readonly #parts: SupervisorParts
  readonly #channel: SupervisorChannel
  readonly #post: Post
  readonly #unused = new Set<string>()
  #successors = 0
  #rebalancing: Rebalancing | undefined
  #successor: RelayedSuccessor | undefined
  readonly #handlers: MessageHandlers<Exclude<FromSupervisor, OfSuccessor>> = {
    reload: ({ before }) => this.#reload(before),
    shutdown: () => this.#parts.orders.stop((event) => this.#reportProgress(event)),
    'cut-short': () => this.#parts.orders.cutShort(),
    'status-wanted': () => this.#reportStatus(),
    listener: ({ entry }, handle) => this.#onListener(entry, handle),
    'close-listeners': ({ held }) => this.#parts.listeners.closeUnclaimed(held),
    'predecessor-ended': () => this.#parts.predecessorEnded(),
    rebalance: () => this.#reportShareable(),
    'can-accept': () => this.#rebalancing?.answer(),
    share: ({ share, connections }) => this.#rebalancing?.send(share, connections),
    'from-peer': (message, handle) => this.#rebalancing?.receive(message, handle),
    'sent-to-peer': ({ share, upTo }) => this.#rebalancing?.onSent(share, upTo),
    'peer-accepted': (message) => this.#rebalancing?.confirm(message.share, message),
  }

  constructor(entry: SupervisorEntry, parts: SupervisorParts) {
    this.#entry = entry
    this.#parts = parts
    this.#channel = new SupervisorChannel({ pid: entry.pid, start: entry.start }, parts.platform)
    this.#post = this.#channel.post
    this.listeners = new HeldListeners({ ...parts, pid: parts.platform.pid, post: this.#post })
  }

  /** Introduces this process to the supervisor, and follows its orders from now on. */
  start(): void {
    this.#channel.listen({
      onMessage: (raw, handle) => this.#onMessage(raw, handle),
      onEnded: () => this.#onEnded(),
    })
    this.optionsChanged()
    this.#reportEvents()
    const { workers = 1 } = this.#entry
    if (workers > 1) this.#rebalance()
  }

  /** Whether the supervisor runs. Without a supervisor this process ends. */
  get isAlive(): boolean {
    return this.#channel.isAlive
  }

  /** Sends the limits to the supervisor, at the start and after later registrations. Logs options without effect. */
  optionsChanged(): void {
    const { given, logger, settings } = this.#parts
    const unused = unusedOptions(given()).filter((name) => !this.#unused.has(name))
    for (const name of unused) this.#unused.add(name)
    if (unused.length > 0)
      logger.info({ unused }, `these options have no effect under a supervisor: ${unused.join(', ')}`)
    const { readyTimeoutMs, probationMs, drainTimeoutMs } = settings()
    // A successor that fails late may need as long to exit as its requests do.
    const reloadMs = readyTimeoutMs + probationMs + drainTimeoutMs + overheadMs
    this.#post({ type: 'registered', readyTimeoutMs, reloadMs, ...this.#shutdownLimits() })
  }

  /** Requests a successor. Its listeners are those of the supervisor, in the order of `inheritance`. */
  startSuccessor(
    { generation, signals, unavailable = [], listeners }: Inheritance,
    servers: readonly net.Server[],
  ): RelayedSuccessor {
    this.listeners.reportNow()
    const successor = new RelayedSuccessor(++this.#successors, this.#post)
    this.#successor = successor
    const named = listeners.map((entry, i) => this.listeners.named(entry, servers[i]))
    const wanted = { generation, signals, unavailable, listeners: named }
    this.#post({ type: 'start-successor', successor: successor.id, wanted })
    return successor
  }

  /** Called after a reload signal. Requests a reload of all workers. */
  requestReload(): void {
    this.#post({ type: 'reload-wanted' })
  }

  /** Without a predecessor, only the supervisor can log why this process exits. Resolves when sent, or when it cannot be. */
  reportFailure(thrown: unknown): Promise<void> {
    const message = envelope<FromSuccessor>({ type: 'failed', error: errorData(thrown) })
    const sent = new Promise<void>((resolve) => this.#channel.send(message, undefined, () => resolve()))
    return timeout(lastMessageMs, sent).catch(() => {})
  }

  /** Called at the start, or later when the supervisor starts a second worker. */
  #rebalance(): void {
    const { settings, isEnding } = this.#parts
    if (settings().moveConnections && !isEnding()) this.#rebalancing ??= this.#newRebalancing()
  }

  #reportShareable(): void {
    this.#rebalance()
    this.#rebalancing?.reportNow()
  }

  #newRebalancing(): Rebalancing {
    const { settings, events } = this.#parts
    const rebalancing = new Rebalancing({
      ...this.#parts,
      movesConnections: () => settings().moveConnections,
      servers: () => this.listeners.servers(),
      post: this.#post,
    })
    events.on('state', ({ state }) => state === 'draining' && rebalancing.stop())
    return rebalancing
  }

  /** Reports what happens to this generation. */
  #reportEvents(): void {
    const { events, undoAtEnd } = this.#parts
    events.on('state', ({ state, because, onProbation }) => {
      this.listeners.reportNow()
      const more = { ...(because && { because }), ...(onProbation && { onProbation }) }
      this.#post({ type: 'state', state, ...more, ...this.#shutdownLimits() })
    })
    events.on('handed-over', (report) => this.#post({ type: 'reloaded', report }))
    events.on('reload-failed', (error) => this.#reportFailedReload(error))
    events.on('report', (report) => this.#post({ type: 'drained', report }))
    undoAtEnd(wrapClose((server, close) => this.listeners.onClose(server, close)))
  }

  #reportFailedReload(error: HandoverError): void {
    const { report } = error
    this.#post({ type: 'reload-failed', error: errorData(error), ...(report && { report }) })
  }

  #shutdownLimits(): { drainMs: number; hooksMs: number } {
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
    if (!('successor' in message)) dispatch(message, this.#handlers, handle)
    else if (message.successor === this.#successor?.id) this.#successor.receive(message)
  }

  /** Another worker has bound a listener. */
  #onListener(entry: ListenerEntry, handle: unknown): void {
    if (typeof handle !== 'object' || handle === null) return
    this.#parts.listeners.inherit(entry, handle)
    this.listeners.reportSoon()
  }

  #reload(before: number): void {
    const { logger, platform, orders } = this.#parts
    const lateMs = Math.round(platform.monotonicMs() - before)
    if (lateMs > 0) {
      // This process was stopped, or its event loop was blocked. A later order has its own time limit.
      const why = `this process read it ${lateMs} ms too late. Request the reload again`
      logger.warn({ lateMs }, `ignoring a reload order: ${why}`)
      return
    }
    const { proven, drained } = orders.reload((event) => this.#reportProgress(event))
    // The handler of `proven` reports the same failure.
    drained.catch(() => {})
    proven.catch((error: HandoverError) => {
      // The generation has reported other failures already, and a reload in progress reports itself.
      if (!isReported(error) && error.code !== 'ERR_HANDOVER_IN_PROGRESS') this.#reportFailedReload(error)
    })
  }

  #reportProgress(event: ControlEvent): void {
    this.#post({ type: 'progress', event })
  }

  #reportStatus(): void {
    const status = this.#parts.orders.status()
    if (status) this.#post({ type: 'status', status })
  }

  /** Without a supervisor, no process can start a successor, and the next supervisor needs the ports. */
  #onEnded(): void {
    const { predecessorEnded, logger, orders } = this.#parts
    const { pid } = this.#entry
    this.#successor?.abandon()
    this.#rebalancing?.abandon()
    predecessorEnded()
    logger.warn({ supervisor: pid }, `supervisor ${pid} has exited: shutting down`)
    orders.shutdown()
  }
}
