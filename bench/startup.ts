/** Part 2: the time from a reload to the successor's first response, compared with a plain start. */
import { firstResponse, freePort } from './first-response.js'
import type { Plan } from './plan.js'
import { type Framework, frameworks, Service, type Variant } from './service.js'
import { median } from './statistics.js'
import { type Check, spread, type Table } from './table.js'
import { nameOf } from './throughput.js'

const goalMs = 15

interface Starts {
  readonly framework: Framework
  /** In milliseconds, one value per round. */
  readonly plain: number[]
  readonly graceful: number[]
  readonly reload: number[]
}

export async function measureStarts({ startRounds }: Plan): Promise<Starts[]> {
  const results: Starts[] = []
  for (const framework of frameworks) {
    const starts: Starts = { framework, plain: [], graceful: [], reload: [] }
    const kinds = [
      async () => starts.plain.push(await start(framework, 'plain')),
      async () => starts.graceful.push(await start(framework, 'graceful')),
      async () => starts.reload.push(await reload(framework)),
    ]
    for (let round = 0; round < startRounds; round++) {
      for (const measure of round % 2 === 0 ? kinds : kinds.toReversed()) await measure()
    }
    results.push(starts)
  }
  return results
}

async function start(framework: Framework, variant: Variant): Promise<number> {
  const port = await freePort()
  const startedAt = performance.now()
  const service = new Service(framework, variant, { port })
  await service.fact(({ event }) => event === 'listening')
  const ms = (await firstResponse(port, 1)) - startedAt
  await service.stop()
  return ms
}

async function reload(framework: Framework): Promise<number> {
  const port = await freePort()
  const service = new Service(framework, 'graceful', { port })
  await service.proven(1)
  const startedAt = performance.now()
  process.kill(service.pid, 'SIGHUP')
  await service.fact(({ event, pid }) => event === 'listening' && pid !== service.pid)
  const ms = (await firstResponse(port, 2)) - startedAt
  await service.stop()
  return ms
}

export function startTable(results: readonly Starts[], { startRounds }: Plan): Table {
  return {
    title: 'Time to the first response',
    note:
      `Milliseconds from the start of the program without and with the adapter, and from SIGHUP to the successor's response: the median of ${startRounds} rounds, in which the programs take turns. ` +
      'Once the program logs that it listens, the client opens a new connection every millisecond; earlier, it would compete with the startup for CPU. After SIGHUP, the predecessor first waits 50 ms for more signals (docs/decisions/0021). Differences are within one round, with quartiles.',
    columns: [
      '',
      'start without',
      'start with',
      'reload',
      'reload − start without',
      'reload − start with',
      'ratio',
    ],
    rows: results.map(({ framework, plain, graceful, reload }) => [
      nameOf(framework),
      median(plain).toFixed(1),
      median(graceful).toFixed(1),
      median(reload).toFixed(1),
      spread(differences(reload, plain), 1),
      spread(differences(reload, graceful), 1),
      (median(reload) / median(plain)).toFixed(3),
    ]),
    checks: results.map(checkOf),
  }
}

const differences = (these: readonly number[], those: readonly number[]): number[] =>
  these.map((ms, i) => ms - (those[i] as number))

function checkOf({ framework, plain, reload }: Starts): Check {
  const more = median(differences(reload, plain))
  return {
    kind: 'goal',
    what: `${nameOf(framework)}: first response after a reload at most ${goalMs} ms later than after a plain start, is ${more.toFixed(1)}`,
    met: more <= goalMs,
  }
}
