// The README is the introduction; the reference material is in docs.
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { blocksOf, codeWords, pages, proseOf, read, sectionOf, tableBelow } from './pages.js'

test('every npm script in the README exists', () => {
  const { scripts } = JSON.parse(read('package.json'))
  const commands = [...codeWords(proseOf('README.md')), ...blocksOf('README.md').map(({ code }) => code)]
  const named = commands
    .flatMap((text) => [...text.matchAll(/^npm (?:run )?(\w+)/gm)])
    .map(([, name = '']) => name)
  expect(named).toEqual(expect.arrayContaining(['demo', 'test']))
  expect(named.filter((name) => name !== 'install' && !(name in scripts))).toEqual([])
})

test('the README has at most 200 lines and shows the picture, the figures and the quick start first', () => {
  const lines = read('README.md').trimEnd().split('\n')
  expect(lines.length).toBeLessThanOrEqual(200)
  const parts = [
    /^!\[.+\]\(docs\/reload\.svg\)$/,
    /^\| \| failed requests /,
    /^## Quick start$/,
    /^npm install /,
  ]
  const found = parts.map((part) => lines.findIndex((line) => part.test(line)))
  expect(found).toEqual(found.filter((at) => at > 0).sort((a, b) => a - b))
  expect(found.at(-1)).toBeLessThan(25)
  expect(lines.indexOf('## What it promises')).toBeLessThan(80)
})

test('the code in the README fits into a page of 800 pixels', () => {
  const lines = blocksOf('README.md').flatMap(({ code }) => code.split('\n'))
  expect(lines.filter((line) => line.length > 88)).toEqual([])
})

test('the contents of the README list the sections that follow, in their order', () => {
  const headings = [...proseOf('README.md').matchAll(/^## (.*)$/gm)].map((match) => match[1])
  const listed = [...sectionOf('README.md', 'Contents').matchAll(/^- \[([^\]]+)\]\(#/gm)].map(
    (match) => match[1],
  )
  expect(listed).toEqual(headings.slice(headings.indexOf('Contents') + 1))
})

test('the figures in the README are those of bench/RESULTS.md', () => {
  const shown = tableBelow('README.md', 'Handover').map((row) => row.map((cell) => cell.replace(/[*`]/g, '')))
  const measured = tableBelow('bench/RESULTS.md', 'Reloads under a process manager')
  const figures = measured.map(([manager, , failed, closed, cut]) => [manager, failed, closed, cut])
  expect(shown.sort()).toEqual(figures.sort())
})

test('the costs in the README are those of bench/RESULTS.md', () => {
  const adapters = (heading: string) => tableBelow('bench/RESULTS.md', heading).slice(0, 4)
  const cpu = adapters('Steady throughput').map((row) => Number.parseFloat(row[6] ?? '') * 100 - 100)
  const memory = adapters('Resident memory of one generation').map((row) => Number.parseFloat(row[3] ?? ''))
  const [, percent, least, most] =
    /at most (\d+) percent to the CPU time .* and (\d+) to (\d+) MiB of memory/.exec(read('README.md')) ?? []
  expect(Number(percent)).toBe(Math.round(Math.max(...cpu)))
  expect([least, most].map(Number)).toEqual([Math.min(...memory), Math.max(...memory)].map(Math.round))
})

test('the compatibility list names the versions that CI tests', () => {
  const versions = Object.fromEntries(tableBelow('README.md', 'Compatibility'))
  expect(read('.ci/run')).toContain('for version in 22 24 26 20.19.0; do')
  expect(versions['Node.js']).toMatch(/^20\.19 to 26 \(even releases\)/)
  const ranges = {
    fastify: '5.x',
    express: '>=4.18.0 <6',
    koa: '2.x || 3.x',
    ws: '8.x',
    'socket.io': '^4.7.0',
  }
  const peers = Object.keys(ranges).map((name) => manifestOf(name).peerDependencies)
  expect(Object.assign({}, ...peers)).toEqual(ranges)
  const { dependencies, devDependencies } = JSON.parse(read('test/package.json'))
  const tested = Object.entries({ ...dependencies, ...devDependencies }).map(([name, range]) => [
    name,
    /\d+(?:\.\d+)?/.exec(String(range).replace(/^npm:.*@/, ''))?.[0] ?? '',
  ])
  const of = (name: string) => tested.find(([each]) => each === name)?.[1] ?? 'none'
  const major = (name: string) => of(name).split('.')[0]
  expect(versions.Fastify).toBe(`${major('fastify')}; \`@fastify/websocket\` ${major('@fastify/websocket')}`)
  expect(versions.Express).toBe(`${of('express-4')} and ${major('express')}`)
  expect(versions.Koa).toBe(`${major('koa-2')} and ${major('koa')}`)
  expect(versions.ws).toBe(major('ws'))
  expect(ranges['socket.io']).toBe(`^${/^[\d.]+/.exec(versions['Socket.IO'] ?? '')}.0`)
  expect(versions['shutdown code']).toContain(
    `NestJS ${major('@nestjs/core')}, close-with-grace ${major('close-with-grace')}, ` +
      `terminus ${major('@godaddy/terminus')} and lightship ${major('lightship')} `,
  )
})

test.each([
  ['NestJS', 'nestjs', ['@nestjs/core']],
  ['Next.js', 'nextjs', ['next']],
  ['Hono', 'hono', ['hono', '@hono/node-server']],
  ['GraphQL Yoga', 'graphql-yoga', ['graphql-yoga', 'graphql-ws']],
  ['fastify-cli', 'fastify-cli', ['fastify-cli']],
])('the compatibility list names the versions of %s that its example needs', (name, example, packages) => {
  const { dependencies } = JSON.parse(read(`examples/${example}/package.json`))
  const majors = packages.map((each) => /\d+/.exec(dependencies[each])?.[0])
  const shown = Object.fromEntries(tableBelow('README.md', 'Compatibility'))[name] ?? ''
  expect(shown.match(/\b\d+\b/g)).toEqual(majors)
  expect(shown).toContain(`[example](examples/${example})`)
})

const published = ['core', 'fastify', 'express', 'koa', 'ws', 'socket.io', 'cli']
const manifestOf = (name: string) => JSON.parse(read(`packages/${name}/package.json`))

test.each(published)('the README of @handover/%s stands alone', (name) => {
  const page = `packages/${name}/README.md`
  const targets = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '')
  expect(targets.filter((target) => !/^(https:|#)/.test(target))).toEqual([])
  const blocks = blocksOf(page)
  expect(blocks.find(({ lang }) => lang === 'sh')?.code).toContain(`npm install @handover/${name}`)
  expect(blocks.some(({ lang, code }) => lang === 'js' && code.includes('.listen('))).toBe(true)
  expect(codeWords(proseOf(page)).some((word) => /^docs\/.+\.md$/.test(word))).toBe(true)
})

test.each(['core', 'fastify', 'express', 'koa'])(
  'the README of @handover/%s has correct defaults',
  (name) => {
    const rows = [...read(`packages/${name}/README.md`).matchAll(/^\| (`\w+`) \| (`[^`]+`) \|/gm)]
    const all = tableBelow('docs/reference/options.md', 'Options').map(
      ([option, value]) => `${option} ${value}`,
    )
    expect(rows.length).toBeGreaterThan(4)
    expect(all).toEqual(expect.arrayContaining(rows.map(([, option, value]) => `${option} ${value}`)))
  },
)

test.each(published)('@handover/%s has a description and keywords', (name) => {
  const { description, keywords } = manifestOf(name)
  expect(description).toMatch(/\w/)
  expect(keywords).toEqual([...new Set(keywords)])
  expect(keywords).toEqual(expect.arrayContaining(['graceful', 'reload', 'zero-downtime']))
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
