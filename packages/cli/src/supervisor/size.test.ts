import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const folder = new URL('.', import.meta.url)
const files = readdirSync(folder).filter((name) => /(?<!\.test)\.ts$/.test(name))
const sources = files.map((name) => readFileSync(new URL(name, folder), 'utf8'))

/** The lines of a source without comments, blank lines and imports. */
const codeOf = (source: string) =>
  source
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/^import\b[\s\S]*?\bfrom .*$/gm, '')
    .split('\n')
    .filter((line) => line.trim() !== '')

test('the supervisor has at most 550 lines of code, so that it rarely needs an update', () => {
  expect(sources.flatMap(codeOf).length).toBeLessThanOrEqual(550)
})

test('the supervisor loads no module after its start', () => {
  expect(sources.filter((source) => /\b(import|require) ?\(/.test(source))).toEqual([])
})
