// The README is the introduction; the reference material is in docs.
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { blocksOf, codeWords, pages, proseOf, read } from './pages.js'

test('every npm script in the README exists', () => {
  const { scripts } = JSON.parse(read('package.json'))
  const commands = [...codeWords(proseOf('README.md')), ...blocksOf('README.md').map(({ code }) => code)]
  const named = commands
    .flatMap((text) => [...text.matchAll(/^npm (?:run )?(\w+)/gm)])
    .map(([, name = '']) => name)
  expect(named).toEqual(expect.arrayContaining(['demo', 'test']))
  expect(named.filter((name) => name !== 'install' && !(name in scripts))).toEqual([])
})

test('the README has at most 200 lines and states the promises in the first 50', () => {
  const lines = read('README.md').trimEnd().split('\n')
  expect(lines.length).toBeLessThanOrEqual(200)
  expect(lines.indexOf('## Quick start')).toBeGreaterThan(0)
  expect(lines.indexOf('## What it promises')).toBeLessThan(50)
})

const byKind = pages().filter((page) => /^docs\/(guides|reference|explanation)\/[\w-]+\.md$/.test(page))

test.each(byKind)('the first line of %s says who needs it', (page) => {
  expect(read(page)).toMatch(/^# .+\n\nFor everyone who /)
})

test('docs/README.md lists every page', () => {
  const listed = [...read('docs/README.md').matchAll(/\]\(([^)]+\.md)\)/g)].map(([, path = '']) =>
    join(dirname('docs/README.md'), path),
  )
  expect(byKind.filter((page) => !listed.includes(page))).toEqual([])
})
