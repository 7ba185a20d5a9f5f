import type { ControlStatus, GenerationStatus } from '@handover/core/supervision'
import { expect, test } from 'vitest'
import { formatStatus } from './format-status.js'

const none = { idle: 0, busy: 0 }
const kinds = { http1: none, https: none, http2: none, upgraded: none, raw: none }

const process = (pid: number, more: Partial<GenerationStatus> = {}): GenerationStatus => ({
  generation: 2,
  pid,
  state: 'ready',
  uptimeMs: 188_000,
  cpuMs: 5_640,
  memoryBytes: 58 * 2 ** 20,
  release: { cwd: '/srv/app/releases/42', script: '/srv/app/releases/42/server.js' },
  connections: { ...kinds, total: 0, inFlight: 0, requests: 10_234 },
  ...more,
})

const draining = process(47, {
  generation: 1,
  state: 'draining',
  because: 'handed-over',
  msLeft: 12_000,
  activeWork: [{ kind: 'http1', what: 'GET /export.csv', ageMs: 18_200 }],
})

const status = (...generations: GenerationStatus[]): ControlStatus => ({ generations })

test('the status is a table, and below it what a drain waits for, each release and the last reload', () => {
  expect(formatStatus(status(process(4722), draining))).toEqual([
    ' PID  GENERATION  RELEASE  STATE        UPTIME  CPU  MEMORY  CONNECTIONS  IN FLIGHT  REQUESTS',
    '4722           2  42       ready     3 min 8 s   3%  58 MiB            0          0     10234',
    '  47           1  42       draining  3 min 8 s   3%  58 MiB            0          0     10234',
    'generation 1 (pid 47): draining, handed over, 12 s left',
    '  waits for GET /export.csv (http1, 18.2 s)',
    'release 42 runs /srv/app/releases/42/server.js in /srv/app/releases/42',
    'last reload: none',
  ])
})

test('a table wider than the terminal leaves out columns', () => {
  const head = (width: number) => formatStatus(status(process(4722)), width)[0]
  const use = 'CPU  MEMORY  CONNECTIONS  IN FLIGHT'
  expect(head(90)).toBe(` PID  GENERATION  RELEASE  STATE     UPTIME  ${use}  REQUESTS`)
  expect(head(89)).toBe(` PID  GENERATION  STATE     UPTIME  ${use}  REQUESTS`)
  expect(head(75)).toBe(` PID  GENERATION  STATE  ${use}  REQUESTS`)
  expect(head(65)).toBe(` PID  GENERATION  STATE  ${use}`)
  expect(head(55)).toBe(' PID  GENERATION  STATE  MEMORY  CONNECTIONS  IN FLIGHT')
  expect(head(10)).toBe(' PID  GENERATION  STATE  CONNECTIONS  IN FLIGHT')
})

test('the table leaves out what a service does not report', () => {
  const lines = formatStatus({ generations: [{ generation: 1, pid: 1, state: 'ready' }] })
  expect(lines).toEqual(['PID  GENERATION  STATE', '  1           1  ready', 'last reload: none'])
  expect(formatStatus({ generations: [] })).toEqual(['last reload: none'])
})

test('a control character in a cell does not break the table', () => {
  const release = { cwd: '/srv/4\n2\u001b', script: '/srv/server.js' }
  const [, row] = formatStatus(status({ generation: 1, pid: 1, state: 'ready', release }))
  expect(row).toBe('  1           1  4\\u000a2\\u001b  ready')
})
