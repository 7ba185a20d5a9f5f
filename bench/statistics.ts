/** Medians and quartiles: a neighbour on the machine spoils some of the values, seldom most of them. */
export interface Summary {
  readonly median: number
  readonly lower: number
  readonly upper: number
}

export function summary(values: readonly number[]): Summary {
  if (values.length === 0) throw new Error('nothing was measured')
  const sorted = [...values].sort((a, b) => a - b)
  return { median: at(sorted, 0.5), lower: at(sorted, 0.25), upper: at(sorted, 0.75) }
}

export const median = (values: readonly number[]): number => summary(values).median

/** Between two values, in proportion. */
function at(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]] as [number, number]
  return below + (above - below) * (place % 1)
}
