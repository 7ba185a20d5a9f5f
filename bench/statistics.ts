/** Medians and quartiles, because other programs on the machine distort some values but rarely most of them. */
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

/** Interpolates between the two nearest values. */
function at(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]] as [number, number]
  return below + (above - below) * (place % 1)
}
