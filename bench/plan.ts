/** The size of the benchmark. */
export interface Plan {
  /** Measures two services at the same time: see pair-load.ts. */
  readonly abreast: {
    /** The number of pairs of new processes. */
    readonly pairs: number
    /** The time for the JIT compiler to optimize the code. */
    readonly warmUpMs: number
    readonly ms: number
    /** The number of connections to each service. */
    readonly connections: number
  }
  readonly startRounds: number
  readonly drain: { readonly rounds: number; readonly idleConnections: number }
  readonly memory: { readonly reloads: number; readonly loadMs: number }
  readonly moving: { readonly counts: readonly number[]; readonly rounds: number }
  /** The open-loop load. */
  readonly tails: {
    readonly counts: readonly number[]
    readonly rounds: number
    readonly warmUpMs: number
    /** The minimum length of a window, so that it has enough requests. */
    readonly windowMs: number
  }
  /** The same for process managers. */
  readonly peers: {
    readonly pairs: number
    readonly warmUpMs: number
    readonly ms: number
    readonly reloads: number
  }
}

export const full: Plan = {
  abreast: { pairs: 11, warmUpMs: 5_000, ms: 2_500, connections: 32 },
  startRounds: 15,
  drain: { rounds: 11, idleConnections: 100 },
  memory: { reloads: 20, loadMs: 1_000 },
  moving: { counts: [10, 1_000, 10_000], rounds: 3 },
  tails: { counts: [10, 1_000, 10_000], rounds: 5, warmUpMs: 2_000, windowMs: 3_000 },
  peers: { pairs: 7, warmUpMs: 3_000, ms: 2_000, reloads: 3 },
}

/** Only checks that the benchmark runs: its figures are meaningless. */
export const quick: Plan = {
  abreast: { pairs: 1, warmUpMs: 50, ms: 50, connections: 8 },
  startRounds: 1,
  drain: { rounds: 1, idleConnections: 10 },
  memory: { reloads: 2, loadMs: 50 },
  moving: { counts: [10], rounds: 1 },
  tails: { counts: [10], rounds: 1, warmUpMs: 50, windowMs: 100 },
  peers: { pairs: 1, warmUpMs: 50, ms: 50, reloads: 1 },
}
