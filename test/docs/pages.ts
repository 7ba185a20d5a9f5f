// Parses the pages of the project into code blocks, tables, headings and links.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Block {
  readonly page: string
  readonly line: number
  readonly lang: string
  readonly code: string
}

export const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** The paths of all pages from the root, without the changelogs that changesets generates. */
export function pages(folder = root): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return /^(node_modules|dist|coverage|\..*)$/.test(entry.name) ? [] : pages(path)
    return entry.name.endsWith('.md') && entry.name !== 'CHANGELOG.md' ? [relative(root, path)] : []
  })
}

export function blocksOf(page: string): Block[] {
  return [...read(page).matchAll(/^ *```(\w*)\n([\s\S]*?)^ *```$/gm)].map((match) => ({
    page,
    line: read(page).slice(0, match.index).split('\n').length,
    lang: match[1] ?? '',
    code: match[2] ?? '',
  }))
}

/** The text of a page without its code blocks. */
export const proseOf = (page: string): string => read(page).replace(/^ *```[\s\S]*?^ *```$/gm, '')

/** The rows of the first table below a heading, each as a list of cells. */
export function tableBelow(page: string, heading: string): string[][] {
  const lines = sectionOf(page, heading).split('\n')
  const first = lines.findIndex((line) => line.startsWith('|'))
  const after = lines.slice(first).findIndex((line) => !line.startsWith('|'))
  const rows = lines.slice(first, after < 0 ? undefined : first + after)
  return rows.slice(2).map((row) =>
    row
      .replace(/^\||\|$/g, '')
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim().replaceAll('\\|', '|')),
  )
}

/** The text below a heading, up to the next heading of the same or a higher level. */
export function sectionOf(page: string, heading: string): string {
  const text = read(page)
  const at = text.search(new RegExp(`^#+ ${heading}$`, 'm'))
  if (at < 0) throw new Error(`${page} has no heading "${heading}"`)
  const rank = /^#+/.exec(text.slice(at))?.[0].length ?? 1
  const rest = text.slice(text.indexOf('\n', at))
  const end = rest.search(new RegExp(`^#{1,${rank}} `, 'm'))
  return end < 0 ? rest : rest.slice(0, end)
}

export const headingsOf = (page: string): string[] =>
  [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map((match) => match[1] ?? '')

/** The contents of all inline code spans in a text. */
export const codeWords = (text: string): string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')
