/** Parses JSON, and rejects an object with the same key twice: `JSON.parse` keeps the last value. */
export function parseStrictly(text: string): Record<string, unknown> {
  const value = JSON.parse(text)
  const open: (Set<string> | undefined)[] = []
  for (const [token, quoted, colon] of text.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[{}[\]]/g)) {
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(undefined)
    else if (token === '}' || token === ']') open.pop()
    if (!quoted || !colon) continue
    const keys = open.at(-1)
    if (keys?.has(quoted)) throw new Error(`duplicate key ${quoted} in ${text}`)
    keys?.add(quoted)
  }
  return value
}
