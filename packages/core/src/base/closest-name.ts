/**
 * Returns the name closest to a mistyped one, or `undefined`. It ignores case and accepts typos in up to a quarter of the
 * characters.
 */
export function closestName(mistyped: string, names: readonly string[]): string | undefined {
  const typed = mistyped.toLowerCase()
  let closest: string | undefined
  let fewest = Number.POSITIVE_INFINITY
  for (const name of names) {
    const limit = Math.max(name.length, typed.length) / 4
    if (Math.abs(name.length - typed.length) > limit) continue
    const edits = editDistance(typed, name.toLowerCase())
    if (edits <= limit && edits < fewest) [closest, fewest] = [name, edits]
  }
  return closest
}

/** The Levenshtein distance: the number of characters to insert, delete or replace. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let i = 0; i < from.length; i++) {
    const next = [i + 1]
    for (let column = 1; column <= to.length; column++) {
      const replace = at(row, column - 1) + (from[i] === to[column - 1] ? 0 : 1)
      next.push(Math.min(replace, at(row, column) + 1, at(next, column - 1) + 1))
    }
    row = next
  }
  return at(row, to.length)
}

const at = (row: readonly number[], column: number): number => row[column] ?? 0
