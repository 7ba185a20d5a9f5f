import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const folder = new URL('.', import.meta.url)
const files = readdirSync(folder).filter((name) => /(?<!\.test)\.ts$/.test(name))
const sources = files.map((name) => readFileSync(new URL(name, folder), 'utf8'))

/** Without comments, empty lines and what is imported. */
const codeOf = (source: string) =>
  source
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/^import\b[\s\S]*?\bfrom .*$/gm, '')
    .split('\n')
    .filter((line) => line.trim() !== '')

test('what keeps the workers running is small, so that it hardly ever needs replacing: at most 550 lines of code', () => {
  expect(sources.flatMap(codeOf).length).toBeLessThanOrEqual(550)
})

test('it loads nothing after its start', () => {
  expect(sources.filter((source) => /\b(import|require) ?\(/.test(source))).toEqual([])
})
