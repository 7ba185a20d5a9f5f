// The tables of the README say what the code says.
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { defaults } from '../../packages/core/src/options.js'
import { blocksOf, codeWords, proseOf, read, tableBelow } from './pages.js'

const firstWords = (heading: string) =>
  tableBelow('README.md', heading).map(([cell = '']) => codeWords(cell)[0])

test('every option is in the table, with its default, and no other', () => {
  const rows = tableBelow('README.md', 'Options').map(([name = '', value = '']) => [
    codeWords(name)[0],
    codeWords(value)[0],
  ])
  const told = Object.fromEntries(rows.filter(([name]) => name !== 'logger'))
  // JSON makes one kind of object of those of two contexts; `undefined` is none of it.
  const values = Object.entries(told).map(([name, text]) => [
    name,
    JSON.stringify(runInNewContext(`(${text})`)),
  ])
  expect(Object.fromEntries(values)).toEqual(
    Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, JSON.stringify(value)])),
  )
  expect(rows.map(([name]) => name)).toEqual([...Object.keys(defaults), 'logger'])
})

test('every member of the handle is in its table, and no other', () => {
  const source = read('packages/core/src/handle.ts')
  const body = source.slice(source.indexOf('export interface GracefulHandle'))
  const members = [...body.matchAll(/^ {2}(?:readonly )?(\w+)(?=[(<:])/gm)].map((match) => match[1])
  const told = firstWords('The handle').map((word) => word?.replace(/[(<].*/, ''))
  expect(told.sort()).toEqual([...new Set(members)].sort())
})

test('every event of the handle is in its table, and no other', () => {
  const source = read('packages/core/src/events.ts')
  const start = source.indexOf('export interface GracefulEvents')
  const body = source.slice(start, source.indexOf('\n}', start))
  const events = [...body.matchAll(/^ {2}'?([\w-]+)'?: \[/gm)].map((match) => match[1])
  expect(firstWords('Events')).toEqual(events)
})

test('the scripts that are named can be run', () => {
  const { scripts } = JSON.parse(read('package.json'))
  const commands = [...codeWords(proseOf('README.md')), ...blocksOf('README.md').map(({ code }) => code)]
  const named = commands
    .flatMap((text) => [...text.matchAll(/^npm (?:run )?(\w+)/gm)])
    .map(([, name = '']) => name)
  expect(named).toContain('demo')
  expect(named.filter((name) => name !== 'install' && !(name in scripts))).toEqual([])
})
