/** The names of the states of a generation, as `handle.state`, log lines and messages use them. */
export type StateName = 'starting' | 'ready' | 'handing-over' | 'draining' | 'exited'

/** Why a generation drains. */
export type DrainReason = 'handed-over' | 'shutdown'
