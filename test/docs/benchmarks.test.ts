// docs/benchmarks.md and its charts show bench/results/scale.json. `npm run bench:scale -- --draw` updates them.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { drawings } from '../../bench/scale/charts.js'
import { possible } from '../../bench/scale/machine.js'
import { updated } from '../../bench/scale/page.js'
import type { ScaleResult } from '../../bench/scale/result.js'
import { sections } from '../../bench/scale/sections.js'
import { codeWords, read, root, tableBelow } from './pages.js'

const page = 'docs/benchmarks.md'
const result: ScaleResult = JSON.parse(read('bench/results/scale.json'))

test('the page shows the figures of the stored result', () => {
  expect(Object.keys(result.sections)).toEqual(sections.map(({ name }) => name))
  expect(updated(read(page), result)).toBe(read(page))
})

test('the charts show the figures of the stored result', () => {
  const drawn = Object.fromEntries(drawings(result).map(({ name, svg }) => [`${name}.svg`, svg]))
  const files = readdirSync(join(root, 'docs/benchmarks'))
  expect(files.sort()).toEqual(Object.keys(drawn).sort())
  for (const file of files) expect(read(`docs/benchmarks/${file}`), file).toBe(drawn[file])
})

test('a chart does not depend on the charts that were drawn before it', () => {
  expect(drawings(result)).toEqual(drawings(result))
})

test('the page has no figure or chart that is not a number', () => {
  expect([read(page), ...drawings(result).map(({ svg }) => svg)].join('\n')).not.toMatch(/NaN|Infinity/)
})

describe('the table of constants', () => {
  const rows = tableBelow(page, 'Constants that shape these figures')
  test.each(rows)('%s is %s in %s', (name, value, file) => {
    const [constant = '', path = ''] = [name, file].map((cell = '') => codeWords(cell)[0])
    const [, inCode] = new RegExp(`\\b${constant}(?: =|:) ([\\d_.]+)`).exec(read(path)) ?? []
    expect(value).toBe(inCode)
  })
})

describe('the sizes that the limit of file descriptors allows', () => {
  test('all sizes remain if the limit is high enough', () => {
    expect(possible([1_000, 50_000], 60_000)).toEqual({ sizes: [1_000, 50_000], skipped: [] })
  })

  test('larger sizes are left out and named, and the largest possible one replaces them', () => {
    expect(possible([1_000, 25_000, 50_000], 20_000)).toEqual({
      sizes: [1_000, 19_500],
      skipped: [25_000, 50_000],
    })
  })
})
