// docs/reload.svg is the screen of the demo, as `npm run docs:picture` recorded it.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { frame } from '../../demo/src/frame.js'
import { liveDescription } from '../../demo/src/live-clients.js'
import { loadDescription } from '../../demo/src/load.js'
import { paintIf } from '../../demo/src/paint.js'
import { verdictLines } from '../../demo/src/reports.js'
import { read, root } from './pages.js'

const svg = read('docs/reload.svg')
const recording = read('tools/picture/recording.txt')
const recorded = stripVTControlCharacters(recording).trimEnd().split('\n')

const draw = (input: string) =>
  execFileSync(process.execPath, [join(root, 'tools', 'picture', 'draw.mjs')], { input, encoding: 'utf8' })

test('the picture shows exactly the recorded lines', () => {
  expect(draw(recording)).toBe(svg)
  expect(linesOf(svg)).toEqual(recorded.map((line) => line.trimEnd()))
})

test('the recorded lines are those that the demo prints today', () => {
  const paint = paintIf(false)
  const stage = { startedAt: 0, deploys: [], generations: undefined, load: undefined, live: undefined }
  const head = frame(stage, { now: 0, columns: 92, paint })[2]
  expect(recorded).toContain(head)
  expect(recorded.at(-1)).toBe(verdictLines({ passed: true, findings: [] }, paint).at(-1))
  const events = recorded.flatMap((line) => /^ *[\d.]+ s {2}(.*)$/.exec(line)?.[1] ?? [])
  expect(events).toEqual(expect.arrayContaining([loadDescription, liveDescription]))
})

test('the picture shows a drain, the serving successor and no failure', () => {
  expect(recorded.join('\n')).toMatch(/ 2 +2\.0\.0 .* draining .*\n.* failed: .*\n +3 +4\.0\.0 .* ready\n/)
  expect(recorded.join('\n')).toMatch(/^ +failed +0 *\n +WebSockets +50 open +0 closed, .* 0 lost$/m)
})

test.each([
  ['the picture', svg],
  [
    'a drawing of markup and control characters',
    draw('<script>&amp; "\u0000\u0007 ]]> \u001b[31m<b\u001b[39m'),
  ],
])('%s is well-formed XML and needs no other file', (_, image) => {
  expect(problemsOf(image)).toEqual([])
  expect(image).not.toMatch(/<script|<foreignObject|<image|href|url\(|@import|@font-face|\son\w+=/i)
  expect(image.match(/\w+:\/\/[^"\s<]+/g)?.filter((url) => !url.startsWith('http://localhost:'))).toEqual([
    'http://www.w3.org/2000/svg',
  ])
})

test('a drawing keeps the text of markup', () => {
  expect(linesOf(draw('<script>&amp; "quoted" \u001b[31m<b\u001b[39m'))).toEqual([
    '<script>&amp; "quoted" <b',
  ])
})

test.each(['light', 'dark'])('every color has a contrast of at least 4.5 to 1 on a %s page', (theme) => {
  const [light = '', dark = ''] = svg.split('@media (prefers-color-scheme:dark)')
  const colors = [...(theme === 'dark' ? dark : light).matchAll(/\.?(\w+)\{fill:(#\w{6})\}/g)]
  const page = colors.find(([, name]) => name === 'page')?.[2] ?? ''
  const others = colors.filter(([, name]) => name !== 'page')
  expect(others.map(([, name]) => name)).toEqual(['text', 'dim', 'green', 'yellow', 'red', 'cyan'])
  expect(others.filter(([, , color = '']) => contrast(color, page) < 4.5)).toEqual([])
})

/** Puts the pieces of text back into lines, by their positions. */
function linesOf(image: string): string[] {
  const height = Number(/viewBox="0 0 \d+ (\d+)"/.exec(image)?.[1])
  const lines = Array.from({ length: (height - 40) / 18 }, () => '')
  for (const [, x, y, content = ''] of image.matchAll(/<text x="([\d.]+)" y="(\d+)"[^>]*>([^<]*)</g)) {
    const row = (Number(y) - 33) / 18
    const column = Math.round((Number(x) - 20) / 8.1)
    lines[row] = (lines[row] ?? '').padEnd(column) + unescaped(content)
  }
  return lines
}

const unescaped = (text: string) =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&')

/** Lists bare markup characters, control characters and elements that do not nest. */
function problemsOf(image: string): string[] {
  const problems = [...image.matchAll(/[^\P{Cc}\n]/gu)].map(() => 'control character')
  const open: string[] = []
  const markup =
    /<(?<end>\/?)(?<name>[a-z]+)(?: [\w-]+="[^"<]*")*(?<empty>\/?)>|&(?:amp|lt|gt|quot);|(?<bare>[<&])/gi
  for (const { groups } of image.matchAll(markup)) {
    const { end, name = '', empty, bare } = groups ?? {}
    if (bare) problems.push(`bare ${bare}`)
    else if (end) {
      const last = open.pop()
      if (last !== name) problems.push(`</${name}> closes <${last}>`)
    } else if (name && !empty) open.push(name)
  }
  return [...problems, ...open.map((name) => `<${name}> is not closed`)]
}

/** The contrast ratio of WCAG. */
function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (light + 0.05) / (dark + 0.05)
}

function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(color.slice(at, at + 2), 16) / 255
    return value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
