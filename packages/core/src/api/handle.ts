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
  /** Resolves when its process has ended; never rejects. */
  readonly ended: Promise<void>
}

/**
 * Controls the generation of this process: `graceful` returns the same handle for all servers. Each event is also
 * published on `node:diagnostics_channel` (`handover:state`, `handover:report`, …).
 */
export interface GracefulHandle {
  readonly state: StateName
  /** The number of this generation in the line; the first is 1. */
  readonly generation: number
  /** `undefined` in the first generation. */
  readonly predecessor: PredecessorHandle | undefined
  /**
   * Starts a successor and hands over to it. Resolves when the successor is proven. This generation drains from then on.
   * Rejects with a `HandoverError`, while this generation keeps serving. Its code is `ERR_HANDOVER_NOT_READY`,
   * `ERR_HANDOVER_IN_PROGRESS`, `ERR_HANDOVER_DRAINING`, `ERR_HANDOVER_UNSUPPORTED`, `ERR_HANDOVER_ALREADY_LISTENING`,
   * `ERR_HANDOVER_PROGRAM_MISSING`, `ERR_HANDOVER_SPAWN`, `ERR_HANDOVER_SUCCESSOR_EXITED`,
   * `ERR_HANDOVER_READY_TIMEOUT`, `ERR_HANDOVER_PROBATION`, `ERR_HANDOVER_WIRE_VERSION` or `ERR_HANDOVER_STATE`. If a
   * reload had begun, the property `report` is its {@link ReloadReport}.
   */
  reload(): Promise<ReloadReport>
  /**
   * Drains and ends the process, as SIGTERM does. Resolves when everything has drained and the hooks have run, just
   * before the process exits. Never rejects: `hookFailures` has the errors of hooks. Every call returns the same
   * promise. Do not await it in a hook: the hook would wait for itself until `hookTimeoutMs`.
   */
  shutdown(): Promise<ShutdownReport>
  /**
   * Resolves when this generation is ready. With `ready: 'manual'`, the call declares that this generation can serve.
   * Rejects with `ERR_HANDOVER_ADDRESS_IN_USE`, or with the error of a `beforeReady` hook.
   */
  ready(): Promise<void>
  /**
   * Closes and drains `server`, or every server of the process, within `drainTimeoutMs` and `lingerMs`. The process keeps
   * running, hooks do not run, and a server may listen again. Resolves with the report when the last connection has
   * closed. Never cuts a response before the limit. If this generation drains already, resolves with the report of that
   * drain. Rejects with `ERR_HANDOVER_IN_PROGRESS` while another generation shares the listeners, and with
   * `ERR_HANDOVER_DRAINING` after this generation has drained.
   */
  drain(server?: net.Server): Promise<DrainReport>
  /**
   * After `setReady(false)` the readiness answer is 503 until `setReady(true)`, for example while a dependency is
   * missing. Nothing else changes: this process keeps serving, and a reload is possible. A successor starts with `true`.
   */
  setReady(ready: boolean): this
  /** Counts the open connections, by kind. */
  connections(): Connections
  on<Name extends keyof GracefulEvents>(event: Name, observer: (...args: GracefulEvents[Name]) => void): this
  off<Name extends keyof GracefulEvents>(event: Name, observer: (...args: GracefulEvents[Name]) => void): this
  /**
   * Adds a hook that runs before this generation is ready. Hooks run in order. If one fails, this generation exits and
   * the predecessor keeps serving.
   */
  beforeReady(hook: () => unknown): this
  /**
   * Adds a hook that runs before this generation drains, with the reason and the signal. Hooks run in order, each for at
   * most `hookTimeoutMs`. At a shutdown the listeners still accept, and readiness already reports *not ready*: deregister
   * from service discovery here. At a handover the successor already accepts. A failure is logged and makes the exit
   * code 1.
   */
  beforeDrain(hook: BeforeDrainHook): this
  /**
   * Adds a hook that runs after the drain, with the final report, the reason and the signal. Hooks run in order, each
   * for at most `hookTimeoutMs`. After a second signal, all hooks together have 250 ms.
   */
  onDrained(hook: DrainedHook): this
  /**
   * Sets the function that provides the state for the successor: any value that the structured clone algorithm supports.
   * It runs when the successor asks, for at most `hookTimeoutMs`. A failure fails the reload (`ERR_HANDOVER_STATE`).
   */
  provideState(provide: () => unknown): this
  /** Adds a hook that runs if a reload fails after `provideState` ran: undo there what `provideState` did. */
  onHandoverFailed(hook: () => unknown): this
  /**
   * Lets an event stream in progress (server-sent events over plain HTTP/1.1) move to the successor: see
   * {@link HandoverHook}. Without it, or at a shutdown, the stream ends in order.
   */
  onHandover(response: ServerResponse, hook: HandoverHook, options?: StreamOptions): this
  /** Continues the responses that the predecessor moved. Call it before this generation is ready. */
  resumeStreams(resume: ResumeStream): this
  /** Resolves with the state of the predecessor, or with `undefined` in the first generation. Rejects with its error. */
  inheritedState<T>(): Promise<T | undefined>
}
