/** Stops accepting and finishes open connections within a time limit. Logs what it waits for. */
import type { Logger } from '../base/logger.js'
import type { ActiveWork, DrainReport } from '../base/report.js'
import { formatActiveWork, formatConnections } from '../base/report-text.js'
import type { Settings } from '../base/settings.js'
import { nextTurn, pause, timeout, unlessAborted, withTimeout } from '../base/timeouts.js'
import { totalOf } from '../connections/counting.js'
import { idleLimit } from '../connections/idle-connections.js'
import type { Drained } from '../connections/server-connections.js'
import type { Predecessor } from '../succession/predecessor.js'
import type { Mover } from '../transfer/mover.js'

/** How often a shutdown closes connections whose linger has passed. The process exits at most this much later. */
export const sweepMs = 50
/** How long a predecessor may take to confirm that it sends no more connections. */
const answerMs = 1_000
/** How often a drain logs what it waits for. */
const logMs = 1_000
/** How long it may take to notice the exit of a successor. */
const exitMs = 1_000
/** How many cut connections the report lists. */
const maxListed = 100
/** How many turns of the event loop connections get to close after the time limit. */
const endTurns = 20
/** How long hooks and last messages may take after a second signal: the process exits within 500 ms (C67). */
const cutShortMs = 250
/** How many turns of the event loop a shutdown accepts connections that the kernel has queued. */
const queueTurns = 100

/** What a drain needs, whether it drains the whole generation or some servers. */
export interface DrainParts {
  readonly tracker: Drained
  readonly logger: Logger
  readonly limits: Pick<Settings, 'drainTimeoutMs' | 'lingerMs' | 'shutdownDelayMs'>
  /** Closes the listeners. The returned function makes the servers emit `close`; call it when all have drained. */
  readonly closeListeners: () => () => void
  /** Runs before connections are drained, and stops waiting when the signal aborts. Absent without hooks. */
  readonly beforeDrain: ((cut: AbortSignal) => Promise<unknown>) | undefined
  /** A predecessor may still send connections while it drains itself. */
  readonly predecessor: Pick<Predecessor, 'ended' | 'refuseConnections'> | undefined
  /** Moves connections; absent if no successor takes them. */
  readonly mover: Mover | undefined
  /** Whether the successor runs. Absent if this generation does not stand by. */
  readonly successorRuns?: (() => boolean) | undefined
}

export class Drain {
  readonly #parts: DrainParts
  readonly #cut = new AbortController()
  readonly #over = new AbortController()
  /** Aborts shortly after the drain was cut short: the process exits without waiting for anything else. */
  readonly over: AbortSignal = this.#over.signal
  #cutShortBy: DrainReport['cutShortBy']
  readonly #canceled = new AbortController()
  #emitClose: () => void = () => {}
  #lingering = false
  #hasEnded = false
  #because: DrainReport['because']
  #run: Promise<DrainReport> | undefined
  #deadline = Number.POSITIVE_INFINITY

  constructor(because: DrainReport['because'], parts: DrainParts) {
    this.#because = because
    this.#parts = parts
  }

  run(): Promise<DrainReport> {
    this.#run ??= this.#drain()
    return this.#run
  }

  /** No successor takes the idle connections: they close after their linger. */
  becomeShutdown(): void {
    this.#because = 'shutdown'
    this.#lingering = true
  }

  /**
   * Stops draining: the generation serves again. Counts lost connections, then calls `serve` and `listen`. {@link run}
   * never resolves. Returns `false` if the drain has ended or has become a shutdown.
   */
  cancel({ serve, listen }: { readonly serve: () => void; readonly listen: () => void }): boolean {
    if (this.#hasEnded || this.#because !== 'handed-over' || this.wasCutShort) return false
    this.#canceled.abort()
    const { mover } = this.#parts
    mover?.loseTransit()
    serve()
    // Connections that have not been sent stay open.
    mover?.stop()
    listen()
    // Servers that listen again do not emit `close`.
    this.#emitClose()
    return true
  }

  cutShort(by: NonNullable<DrainReport['cutShortBy']> = 'operator'): void {
    if (this.wasCutShort) return
    this.#cutShortBy = by
    this.#cut.abort()
    setTimeout(() => this.#over.abort(), cutShortMs)
  }

  onCutShort(act: () => void): void {
    this.#cut.signal.addEventListener('abort', act)
  }

  /** Milliseconds until open connections are ended; infinite before the listeners have closed. */
  get msLeft(): number {
    return this.wasCutShort ? 0 : Math.max(0, this.#deadline - performance.now())
  }

  get wasCutShort(): boolean {
    return this.#cut.signal.aborted
  }

  async #drain(): Promise<DrainReport> {
    const { tracker, closeListeners, beforeDrain, limits, mover } = this.#parts
    const startedAt = performance.now()
    const because = this.#because
    if (because !== 'handed-over') {
      await beforeDrain?.(this.#cut.signal)
      await pause(limits.shutdownDelayMs, this.#cut.signal)
      await this.#emptyAcceptQueue()
      this.#lingering = true
    }
    this.#emitClose = closeListeners()
    // At a handover, hooks run after the listeners have closed: the successor already serves them.
    if (because === 'handed-over' && beforeDrain) await beforeDrain(this.#cut.signal)
    if (this.#canceled.signal.aborted) return forever()
    const open = tracker.size
    this.#deadline = performance.now() + limits.drainTimeoutMs
    tracker.startDraining(mover)
    const timedOut = !(await this.#untilEmpty(limits.drainTimeoutMs))
    // If the successor has exited, its exit event cancels this drain.
    if (this.#parts.successorRuns?.() === false) await pause(exitMs, this.#canceled.signal)
    if (this.#canceled.signal.aborted) return forever()
    this.#hasEnded = true
    mover?.abandon()
    await this.#untilNoneComes()
    const cut = await this.#endTheRest()
    this.#emitClose()
    // Includes connections that arrived in the last turn of the event loop.
    for (const connection of tracker.all()) tracker.end(connection, 'cut')
    return this.#report({ startedAt, open, cut, timedOut: timedOut && cut.length > 0 })
  }

  #report({
    startedAt,
    ...counted
  }: Pick<DrainReport, 'open' | 'cut' | 'timedOut'> & { readonly startedAt: number }): DrainReport {
    const { tracker, mover } = this.#parts
    const { closed, moved, lost } = totalOf(tracker.outcomes)
    return {
      because: this.#because,
      ms: Math.round(performance.now() - startedAt),
      ...counted,
      arrived: tracker.arrived,
      ...{ closed, moved, lost },
      refused: mover?.outcome.refused ?? 0,
      longestWaitMs: mover?.outcome.longestWaitMs ?? 0,
      kinds: tracker.outcomes,
      ...(this.#cutShortBy && { cutShortBy: this.#cutShortBy }),
    }
  }

  /** Closing a listener resets queued connections. Node accepts one per turn: continue while any arrives. */
  async #emptyAcceptQueue(): Promise<void> {
    const { tracker } = this.#parts
    for (let turns = 0, before = -1; turns < queueTurns && tracker.size !== before; turns++) {
      before = tracker.size
      await nextTurn()
      await nextTurn()
    }
  }

  /** Resolves with whether all connections closed within the limit. */
  async #untilEmpty(drainTimeoutMs: number): Promise<boolean> {
    const { tracker, predecessor, mover } = this.#parts
    const timers = [setInterval(this.#sweeper(), sweepMs), setInterval(() => this.#logActiveWork(), logMs)]
    const empty = new Promise<true>((resolve) => {
      let mayReceive = predecessor !== undefined
      const check = () => tracker.size === 0 && !mayReceive && resolve(true)
      // A predecessor that drains may still send connections. With a mover, this generation passes them on.
      const last = mover ? predecessor?.ended : predecessor?.refuseConnections()
      void last?.then(() => {
        mayReceive = false
        check()
      })
      tracker.onClosed = check
      check()
    })
    const until = (limit: AbortSignal) =>
      unlessAborted(empty, AbortSignal.any([limit, this.#cut.signal, this.#canceled.signal]))
    const isEmpty = await withTimeout(drainTimeoutMs, until).catch(() => false)
    for (const timer of timers) clearInterval(timer)
    tracker.onClosed = () => {}
    return isEmpty
  }

  /** The predecessor's answer arrives after its last connection. A predecessor that hangs does not answer. */
  async #untilNoneComes(): Promise<void> {
    const { predecessor } = this.#parts
    if (!predecessor) return
    await unlessAborted(timeout(answerMs, predecessor.refuseConnections()), this.over).catch(() => {})
  }

  /** Closes connections that have been idle for `lingerMs` since the shutdown began. */
  #sweeper(): () => void {
    const { tracker, limits } = this.#parts
    const closeIdle = idleLimit(tracker, limits.lingerMs)
    const sweep = () => {
      tracker.findHttp()
      if (this.#lingering) closeIdle()
    }
    sweep()
    return sweep
  }

  #logActiveWork(): void {
    const { tracker, logger } = this.#parts
    const { connections, activeWork } = tracker.overview()
    const oldest = activeWork.slice(0, 5)
    const waitsFor = oldest.length === 0 ? 'idle connections only' : formatActiveWork(oldest)
    const facts = { state: 'draining', connections, activeWork: oldest }
    logger.info(facts, `draining: ${formatConnections(tracker.size)} open; waiting for ${waitsFor}`)
  }

  /** Closes idle connections and cuts the other ones. Resolves with the cut connections that the report lists. */
  async #endTheRest(): Promise<ActiveWork[]> {
    const { tracker, logger } = this.#parts
    if (tracker.size === 0) return []
    await nextTurn()
    for (const connection of tracker.all()) connection.finish?.()
    for (const connection of tracker.idle()) connection.close()
    for (let turns = 0; turns < endTurns && tracker.size > 0; turns++) await nextTurn()
    const cut = tracker.activeWork()
    const listed = cut.slice(0, maxListed)
    const why = this.wasCutShort ? 'drain cut short' : 'drain timed out'
    const idle = new Set(tracker.idle())
    for (const connection of tracker.all()) tracker.end(connection, idle.has(connection) ? 'closed' : 'cut')
    if (cut.length > 0) {
      const what = `${formatConnections(cut.length)} cut: ${formatActiveWork(cut.slice(0, 10))}`
      logger.warn({ cut: listed }, `${why}: ${what}`)
    }
    await nextTurn()
    return listed
  }
}

const forever = (): Promise<never> => new Promise(() => {})
