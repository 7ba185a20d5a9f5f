// The guides to HAProxy and nginx show the configurations that test/system runs.
import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { blocksOf, pages, read, tableBelow } from './pages.js'

const examples = { haproxy: 'examples/haproxy/haproxy.cfg', nginx: 'examples/nginx/nginx.conf' }
const isExample = (lang: string): lang is keyof typeof examples => lang in examples
const blocks = pages().flatMap(blocksOf)
const shown = blocks.flatMap(({ page, line, lang, code }) =>
  isExample(lang) ? [{ where: `${page}:${line}`, file: examples[lang], code }] : [],
)

test.each(shown)('the configuration in $where is a part of $file', ({ file, code }) => {
  expect(read(file)).toContain(code)
})

test.each([
  { name: 'haproxy', options: 'shutdownDelayMs: 2_000' },
  { name: 'nginx', options: 'lingerMs: 3_000' },
])('the guide $name shows its configuration, and the options of the tested service', ({ name, options }) => {
  const guide = `docs/guides/${name}.md`
  expect(shown.filter(({ where }) => where.startsWith(guide))).not.toEqual([])
  for (const page of [guide, `test/system/${name}.test.ts`]) {
    expect(read(page)).toContain(options)
    expect(read(page)).toContain('keepAliveTimeout: 120_000')
  }
})

test('Node announces the idle timeout of the reference', () => {
  const [[, announced] = []] = tableBelow('docs/reference/idle-timeouts.md', 'Servers')
  expect(announced).toBe(`${createServer().keepAliveTimeout / 1000} s`)
})
