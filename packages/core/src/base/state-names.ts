/** The states of a generation, as in `handle.state`, log lines and messages. */
export type StateName = 'starting' | 'ready' | 'handing-over' | 'draining' | 'exited'

/** Why a generation drains. */
export type DrainReason = 'handed-over' | 'shutdown'
