import type {
  ControlEvent,
  ControlStatus,
  ReloadSummary,
  ScaleSummary,
  StopSummary,
} from '../protocol/control-messages.js'

/** The target of a control socket: a generation, or the supervisor of `handover run`. */
export interface Controlled {
  status(): ControlStatus | Promise<ControlStatus>
  reload(progress: (event: ControlEvent) => void): ReloadUnderway
  /** Errors: `ERR_HANDOVER_UNSUPPORTED` without a supervisor. */
  scale(workers: number, progress: (event: ControlEvent) => void): Promise<ScaleSummary>
  stop(progress: (event: ControlEvent) => void): Promise<StopSummary>
  /** Calls `onChange` after each change of the status. Returns a function that ends the subscription. */
  subscribe(onChange: () => void): () => void
}

/** Both promises reject with a `HandoverError`. The answer includes its `reports`, or its `report`. */
export interface ReloadUnderway {
  /** Resolves when the successors serve and have passed their probation. */
  readonly proven: Promise<ReloadSummary>
  /** Resolves when the predecessors have also drained. */
  readonly drained: Promise<ReloadSummary>
}
