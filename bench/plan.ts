/** How much is measured. */
export interface Plan {
  readonly throughput: {
    /** Pairs of fresh processes, one with the adapter and one without. */
    readonly pairs: number
    readonly warmUpMs: number
    /** Turns of load that each process of a pair gets; they alternate A B B A. */
    readonly turns: number
    readonly turnMs: number
    readonly connections: number
  }
  readonly startRounds: number
  readonly drain: { readonly rounds: number; readonly idleConnections: number }
  readonly memory: { readonly reloads: number; readonly loadMs: number }
  readonly moving: { readonly counts: readonly number[]; readonly rounds: number }
  readonly peers: { readonly rounds: number; readonly turnMs: number; readonly reloads: number }
}

export const full: Plan = {
  throughput: { pairs: 31, warmUpMs: 500, turns: 2, turnMs: 150, connections: 32 },
  startRounds: 15,
  drain: { rounds: 11, idleConnections: 100 },
  memory: { reloads: 20, loadMs: 1_000 },
  moving: { counts: [10, 1_000, 10_000], rounds: 3 },
  peers: { rounds: 9, turnMs: 700, reloads: 3 },
}

/** Shows that it runs; its figures mean nothing. */
export const quick: Plan = {
  throughput: { pairs: 1, warmUpMs: 50, turns: 2, turnMs: 50, connections: 8 },
  startRounds: 1,
  drain: { rounds: 1, idleConnections: 10 },
  memory: { reloads: 2, loadMs: 50 },
  moving: { counts: [10], rounds: 1 },
  peers: { rounds: 1, turnMs: 50, reloads: 1 },
}
