import type { ServerResponse } from 'node:http'
import type net from 'node:net'
import type { GracefulEvents } from '../base/events.js'
import type { Connections, DrainReport, ReloadReport, ShutdownReport } from '../base/report.js'
import type { StateName } from '../base/state-names.js'
import type { StreamOptions } from '../connections/end-stream.js'
import type { BeforeDrainHook, DrainedHook } from '../generation/hooks.js'
import type { HandoverHook, ResumeStream } from '../transfer/event-stream.js'

/** The generation before this one. */
export interface PredecessorHandle {
  readonly pid: number
  readonly generation: number
  /** Resolves when it has ended; never rejects. */
  readonly ended: Promise<void>
}

/**
 * What `graceful` returns: one per process, whatever the number of servers. It is also published on
 * `node:diagnostics_channel` (`handover:state`, `handover:report`).
 */
export interface GracefulHandle {
  readonly state: StateName
  /** The number of this generation in the line; the first is 1. */
  readonly generation: number
  /** `undefined` in the first generation. */
  readonly predecessor: PredecessorHandle | undefined
  /**
   * Starts a successor and hands over to it. Resolves when it is proven; this generation drains from then on.
   * Rejects with a `HandoverError`, while this generation keeps serving, with the code `ERR_HANDOVER_NOT_READY`,
   * `ERR_HANDOVER_IN_PROGRESS`, `ERR_HANDOVER_DRAINING`, `ERR_HANDOVER_UNSUPPORTED`,
   * `ERR_HANDOVER_PROGRAM_MISSING`, `ERR_HANDOVER_SPAWN`, `ERR_HANDOVER_SUCCESSOR_EXITED`,
   * `ERR_HANDOVER_READY_TIMEOUT`, `ERR_HANDOVER_PROBATION`, `ERR_HANDOVER_WIRE_VERSION` or
   * `ERR_HANDOVER_STATE`. Its property `report` is the {@link ReloadReport}.
   */
  reload(): Promise<ReloadReport>
  /**
   * Drains and ends the process, as SIGTERM does. Resolves when everything has drained and the hooks have run, just
   * before the process exits. Never rejects: hooks that failed are in `hookFailures`. Every call returns the same
   * promise. Do not await it in a hook: the hook would wait for itself until `hookTimeoutMs`.
   */
  shutdown(): Promise<ShutdownReport>
  /**
   * With `ready: 'manual'`: says that this generation can serve. Otherwise it only waits. Resolves when it is
   * ready; rejects with `ERR_HANDOVER_ADDRESS_IN_USE`, or with what a `beforeReady` hook failed with.
   */
  ready(): Promise<void>
  /**
   * Closes and drains `server`, or every server of the process, within `drainTimeoutMs` and `lingerMs`. The process keeps
   * running, hooks do not run, and a server may listen again. Resolves with the report when the last connection has
   * gone; never cuts a response before the limit. While this generation drains anyway, it resolves with that report.
   * Rejects with `ERR_HANDOVER_IN_PROGRESS` while another generation shares the listeners, and with
   * `ERR_HANDOVER_DRAINING` after this one has drained.
   */
  drain(server?: net.Server): Promise<DrainReport>
  /**
   * `setReady(false)`: the readiness answer is 503, for instance while a dependency is missing, until `setReady(true)`.
   * Nothing else changes: this process keeps serving, and a reload is possible. A successor begins with `true`.
   */
  setReady(ready: boolean): this
  /** What is open now. */
  connections(): Connections
  on<Name extends keyof GracefulEvents>(event: Name, observer: (...args: GracefulEvents[Name]) => void): this
  off<Name extends keyof GracefulEvents>(event: Name, observer: (...args: GracefulEvents[Name]) => void): this
  /** Runs `hook` before this generation is ready, in order. A failed hook ends this generation; the predecessor keeps serving. */
  beforeReady(hook: () => unknown): this
  /**
   * Runs before this generation drains, in order, each for at most `hookTimeoutMs`, with the reason and the signal. At
   * a shutdown the listeners still accept, and readiness already reports *not ready*: deregister from service discovery
   * here. At a handover the successor accepts. A failure is logged and makes the exit code 1.
   */
  beforeDrain(hook: BeforeDrainHook): this
  /**
   * Runs when everything has drained, in order, each for at most `hookTimeoutMs`, with the final report, the reason and
   * the signal. After a second signal, all hooks together have 250 ms.
   */
  onDrained(hook: DrainedHook): this
  /**
   * What the successor gets, if it asks: anything the structured clone algorithm takes. Called at that moment,
   * for at most `hookTimeoutMs`. A failure fails the reload (`ERR_HANDOVER_STATE`). The last call counts.
   */
  provideState(provide: () => unknown): this
  /** Runs when a reload has failed after `provideState` was called: to take back what was given away. */
  onHandoverFailed(hook: () => unknown): this
  /**
   * Lets a running answer (server-sent events; plain HTTP/1.1) go to the successor: see {@link HandoverHook}.
   * Without it, or at a shutdown, an event stream is ended in order.
   */
  onHandover(response: ServerResponse, hook: HandoverHook, options?: StreamOptions): this
  /** Continues the responses that the predecessor moved. Call it before this generation is ready. */
  resumeStreams(resume: ResumeStream): this
  /** What the predecessor provided; `undefined` in the first generation. Rejects with what that failed with. */
  inheritedState<T>(): Promise<T | undefined>
}
