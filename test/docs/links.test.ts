import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { codeWords, headingsOf, pages, proseOf, root } from './pages.js'

test.each(pages())('%s: the target of every link exists', (page) => {
  const targets = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '')
  const inside = targets.filter((target) => !/^[a-z]+:/.test(target))
  expect(inside.filter((target) => !exists(page, target))).toEqual([])
})

test.each(pages())('%s: every project file that it names exists', (page) => {
  const named = codeWords(proseOf(page)).filter((word) =>
    /^(packages|test|tools|docs|examples)\/[\w./-]+$/.test(word),
  )
  expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([])
})

function exists(page: string, target: string): boolean {
  const [path = '', anchor] = target.split('#')
  const to = path === '' ? page : join(dirname(page), path)
  if (!existsSync(join(root, to))) return false
  return anchor === undefined || headingsOf(to).map(anchorOf).includes(anchor)
}

/** The anchor that GitHub generates for a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
