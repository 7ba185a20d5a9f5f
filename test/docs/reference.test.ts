// The tables of docs/reference match the code, in both directions.
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { exitCodes } from '../../packages/cli/src/command-line/exit-codes.js'
import { defaults } from '../../packages/core/src/base/settings.js'
import { countsOf } from '../../packages/core/src/connections/counting.js'
import { cli } from '../support/cli.js'
import { codeWords, read, tableBelow } from './pages.js'

const firstWords = (page: string, heading: string) =>
  tableBelow(`docs/reference/${page}`, heading).map(([cell = '']) => codeWords(cell)[0])

test('the table lists exactly the options, with their defaults', () => {
  const rows = tableBelow('docs/reference/options.md', 'Options').map(([name = '', value = '']) => [
    codeWords(name)[0],
    codeWords(value)[0],
  ])
  const told = Object.fromEntries(rows.filter(([name]) => name !== 'logger'))
  // Compare as JSON, because objects of two contexts have different prototypes. JSON omits `undefined`.
  const values = Object.entries(told).map(([name, text]) => [
    name,
    JSON.stringify(runInNewContext(`(${text})`)),
  ])
  expect(Object.fromEntries(values)).toEqual(
    Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, JSON.stringify(value)])),
  )
  expect(rows.map(([name]) => name)).toEqual([...Object.keys(defaults), 'logger'])
})

test('the table lists exactly the members of the handle', () => {
  const source = read('packages/core/src/api/handle.ts')
  const body = source.slice(source.indexOf('export interface GracefulHandle'))
  const members = [...body.matchAll(/^ {2}(?:readonly )?(\w+)(?=[(<:])/gm)].map((match) => match[1])
  const listed = firstWords('handle.md', 'The handle').map((word) => word?.replace(/[(<].*/, ''))
  expect(listed.sort()).toEqual([...new Set(members)].sort())
})

test('the table lists exactly the events of the handle', () => {
  const source = read('packages/core/src/base/events.ts')
  const start = source.indexOf('export interface GracefulEvents')
  const body = source.slice(start, source.indexOf('\n}', start))
  const events = [...body.matchAll(/^ {2}'?([\w-]+)'?: \[/gm)].map((match) => match[1])
  expect(firstWords('events.md', 'Events')).toEqual(events)
})

test('the table of names lists exactly the kinds of connections', () => {
  const { total, inFlight, requests, ...kinds } = countsOf(new Map(), new Set(), 0)
  expect(firstWords('connections.md', 'Names of kinds')).toEqual(Object.keys(kinds))
})

test.each(['reload', 'status', 'scale', 'stop', 'run'])(
  'the table of handover %s lists exactly its options',
  async (name) => {
    const { stdout } = await cli([name, '--help'])
    const options = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map((match) => match[1])
    const listed = firstWords('cli.md', `handover ${name}`).map((word) => word?.split(' ')[0])
    expect(listed.sort()).toEqual(options.filter((option) => option !== '--help').sort())
  },
)

test('the table lists exactly the exit codes of the commands', () => {
  const listed = tableBelow('docs/reference/cli.md', 'Exit codes').map(([code]) => Number(code))
  expect(listed).toEqual(Object.values(exitCodes))
})
