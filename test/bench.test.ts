import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import type { ScaleResult } from '../bench/scale/result.js'
import { sections } from '../bench/scale/sections.js'
import { tempDir } from './support/temp-dir.js'

const limitMs = 400_000
const main = fileURLToPath(new URL('../bench/dist/main.js', import.meta.url))
const scale = fileURLToPath(new URL('../bench/dist/scale/main.js', import.meta.url))

/** The row names under each heading. */
function rows(markdown: string): Record<string, string[]> {
  const [, ...sections] = markdown.split(/^## /m)
  return Object.fromEntries(
    sections.map((section) => {
      const [title = ''] = section.split('\n')
      const lines = section.split('\n').filter((line) => line.startsWith('| '))
      return [title, lines.slice(2).map((line) => line.split(' | ')[0]?.slice(2).trim() ?? '')]
    }),
  )
}

test(
  'the benchmark runs and reports every row',
  async () => {
    const report = join(tempDir(), 'results.md')
    await promisify(execFile)(process.execPath, [main, '--quick', '--out', report], { timeout: limitMs })
    const frameworks = ['node:http', 'Fastify', 'Express', 'Koa']
    const others = ['node:cluster', 'PM2 7']
    const control = 'control: node:http against itself'
    expect(rows(readFileSync(report, 'utf8'))).toEqual({
      'Steady throughput': [...frameworks, control],
      'Time to the first response': frameworks,
      'Drain after the last request in flight': ['node:http', 'node:http', 'Fastify', 'Fastify'],
      'Moving idle connections': ['10'],
      'Moving connections under load': ['10'],
      'Latency during a reload at half the capacity': ['10'],
      'Resident memory of one generation': [...frameworks, control],
      'Resident memory of the service before and after 2 reloads': ['node:http', 'Fastify'],
      'Throughput under a process manager': [...others, ...others],
      'Reloads under a process manager': ['handover run', ...others],
      Verdict: [],
    })
  },
  limitMs,
)

test(
  'the benchmark at scale measures each section',
  async () => {
    const out = join(tempDir(), 'scale.json')
    const args = [scale, '--sizes', '2', '--rounds', '1', '--out', out]
    await promisify(execFile)(process.execPath, args, { timeout: limitMs })
    const result: ScaleResult = JSON.parse(readFileSync(out, 'utf8'))
    expect(Object.keys(result.sections)).toEqual(sections.map(({ name }) => name))
    for (const points of Object.values(result.sections)) {
      expect(points).toMatchObject([{ size: 2, rounds: [{ reloadMs: expect.any(Number) }] }])
    }
    expect(result.sections.connections?.[0]?.rounds[0]?.moved).toBe(2)
    expect(result.sections.generations?.[0]?.rounds[0]?.draining).toBe(2)
  },
  limitMs,
)
