/** Splits and joins simple shell command lines. */

/** Returns the words of a command line, or `undefined` if the line needs a shell. */
export function splitWords(line: string): string[] | undefined {
  if (/[;&|<>`$()*?~\\\n]/.test(line)) return undefined
  const words = line.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? []
  return words.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, '$1$2'))
}

/** Returns a command line that a shell splits into these words. */
export const joinWords = (words: readonly string[]): string =>
  words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ')
