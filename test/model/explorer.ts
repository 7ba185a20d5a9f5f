// Explores every order of events in a small world breadth first and finds the shortest path to a forbidden state.

/** A possible event and the world after it. */
export interface Move<World> {
  readonly label: string
  readonly after: World
}

export interface Model<World> {
  readonly start: World
  /** All possible next events. */
  moves(world: World): readonly Move<World>[]
  /** Why a state is forbidden, or undefined if it is allowed. */
  wrong(world: World): string | undefined
}

export interface Exploration {
  readonly states: number
  readonly depth: number
  /** Whether the exploration was complete within the depth. */
  readonly complete: boolean
  /** The shortest path to a forbidden state: the events, and the violated rule. */
  readonly trace?: readonly string[]
}

/** Explores all worlds at most `depth` events away from the start. Worlds with equal JSON are equal. */
export function explore<World>(model: Model<World>, depth: number): Exploration {
  const cameBy = new Map<string, { readonly label: string; readonly from: string | undefined }>()
  const key = (world: World) => JSON.stringify(world)
  const traceTo = (last: string): string[] => {
    const { label, from } = cameBy.get(last) ?? { label: '', from: undefined }
    return from === undefined ? [] : [...traceTo(from), label]
  }
  const first = key(model.start)
  let frontier = new Map([[first, model.start]])
  cameBy.set(first, { label: 'start', from: undefined })
  for (let level = 0; ; level++) {
    for (const [at, world] of frontier) {
      const why = model.wrong(world)
      if (why !== undefined) {
        return { states: cameBy.size, depth: level, complete: false, trace: [...traceTo(at), why] }
      }
    }
    if (level === depth || frontier.size === 0) {
      return { states: cameBy.size, depth: level, complete: frontier.size === 0 }
    }
    const following = new Map<string, World>()
    for (const [from, world] of frontier) {
      for (const { label, after } of model.moves(world)) {
        const to = key(after)
        if (cameBy.has(to)) continue
        cameBy.set(to, { label, from })
        following.set(to, after)
      }
    }
    frontier = following
  }
}
