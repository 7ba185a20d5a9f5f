/** Part 5: how fast open connections move to the successor, and how it affects clients. */
import { keepAlive, RawConnection, type ServedBy, Tally } from '@handover/load'
import type { Plan } from './plan.js'
import { type Fact, Service } from './service.js'
import { median } from './statistics.js'
import { type Check, spread, type Table, thousands } from './table.js'

const goalRatio = 0.8
/** Fewer connections move too fast for a meaningful rate. */
const fewestForRatio = 1_000
const handover = { moveConnections: true, probationMs: 50, drainTimeoutMs: 60_000 }
/** How many connections to open at once, few enough for the accept queue. */
const atOnce = 200
const mib = 2 ** 20
const longestThinkMs = 8_000
const settleMs = 1_000
/** The minimum length of each compared run, so that it has enough responses. */
const shortestMs = 2_000

/** One reload with idle connections. */
interface Resting {
  readonly perSecond: number
  readonly drainMs: number
  /** The longest time, in milliseconds, in which neither process read a connection. */
  readonly pauseMs: number
  readonly predecessorMiB: number
  readonly successorMiB: number
}

/** One reload under load: the slowest response with a reload, and in a run of the same length without one. */
interface Loaded {
  readonly reloadMs: number
  readonly quietMs: number
  readonly requests: number
}

interface Moving {
  readonly count: number
  readonly resting: readonly Resting[]
  readonly barePerSecond: readonly number[]
  readonly loaded: readonly Loaded[]
}

export async function measureMoving({ moving }: Plan): Promise<Moving[]> {
  const results: Moving[] = []
  for (const count of moving.counts) {
    const result = { count, resting: [] as Resting[], barePerSecond: [] as number[], loaded: [] as Loaded[] }
    const kinds = [
      async () => result.resting.push(await moveResting(count)),
      async () => result.barePerSecond.push(await passBare(count)),
      async () => result.loaded.push(await moveLoaded(count)),
    ]
    for (let round = 0; round < moving.rounds; round++) {
      for (const measure of round % 2 === 0 ? kinds : kinds.toReversed()) await measure()
    }
    results.push(result)
  }
  return results
}

async function moveResting(count: number): Promise<Resting> {
  const service = new Service('http', 'graceful', { graceful: handover })
  const connections = await open(await service.port(), count)
  await askAll(connections, 1)
  const { rssBytes: before } = await service.usage()
  const drained = await reload(service)
  if (drained.moved !== count) throw new Error(`only ${drained.moved} of ${count} connections moved`)
  const { rssBytes: after } = await service.usage((await service.proven(2)).pid)
  await askAll(connections, 2)
  await end(service, connections)
  return {
    perSecond: (1000 * count) / drained.ms,
    drainMs: drained.ms,
    pauseMs: drained.longestWaitMs,
    predecessorMiB: before / mib,
    successorMiB: after / mib,
  }
}

/** Passes the same number of connections with `subprocess.send(message, handle)` alone. */
async function passBare(count: number): Promise<number> {
  const service = new Service('http', 'bare', { connections: count })
  const connections = await open(await service.port(), count)
  const { ms } = await service.fact(({ event }) => event === 'passed')
  await end(service, connections)
  return (1000 * count) / ms
}

/** Records the slowest response since the last `take`. */
class Slowest extends Tally {
  #ms = 0
  override answered(workload: string, ms: number, by: ServedBy | undefined): void {
    super.answered(workload, ms, by)
    this.#ms = Math.max(this.#ms, ms)
  }
  take(): number {
    const ms = this.#ms
    this.#ms = 0
    return ms
  }
}

async function moveLoaded(count: number): Promise<Loaded> {
  const service = new Service('http', 'graceful', { graceful: handover })
  const target = { port: await service.port() }
  const think = { minMs: 0, maxMs: Math.min(2 * count, longestThinkMs) }
  const tally = new Slowest()
  const over = new AbortController()
  const clients = keepAlive({ clients: count, think })(target, { tally, signal: over.signal })
  // By then each client has received two responses: one after it connected and one after its first pause.
  await wait(think.maxMs + settleMs)
  tally.take()
  const startedAt = performance.now()
  await reload(service)
  const ms = Math.max(performance.now() - startedAt, shortestMs)
  await wait(startedAt + ms - performance.now())
  const reloadMs = tally.take()
  await wait(ms)
  const quietMs = tally.take()
  over.abort()
  const { requests, failures } = await clients
  await service.stop()
  if (failures.length > 0) throw new Error(`a request failed: ${JSON.stringify(failures[0])}`)
  return { reloadMs, quietMs, requests }
}

async function reload(service: Service): Promise<Fact> {
  await service.proven(1)
  process.kill(service.pid, 'SIGHUP')
  return service.drained(1)
}

async function open(port: number, count: number): Promise<RawConnection[]> {
  const connections: RawConnection[] = []
  while (connections.length < count) {
    const size = Math.min(atOnce, count - connections.length)
    connections.push(
      ...(await Promise.all(Array.from({ length: size }, () => RawConnection.connect({ port })))),
    )
  }
  return connections
}

/** Sends one request on each connection and expects responses from this generation. */
async function askAll(connections: readonly RawConnection[], generation: number): Promise<void> {
  for (let i = 0; i < connections.length; i += atOnce) {
    await Promise.all(
      connections.slice(i, i + atOnce).map(async (connection) => {
        await connection.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
        const { headers } = await connection.response()
        const by = Number(headers.get('x-generation'))
        if (by !== generation) throw new Error(`generation ${by} responded instead of ${generation}`)
      }),
    )
  }
}

async function end(service: Service, connections: readonly RawConnection[]): Promise<void> {
  for (const connection of connections) connection.close()
  await service.stop()
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export function movingTable(results: readonly Moving[], { moving }: Plan): Table {
  return {
    title: 'Moving idle connections',
    note:
      `The server is node:http. Each figure is the median of ${moving.rounds} rounds, in which the programs take turns. Connections per second cover the whole drain; a plain ` +
      '`subprocess.send(message, handle)` loop is beside them. The longest pause is the longest time in which neither process read ' +
      'a connection. Memory is that of the predecessor before, and of the successor after. Afterwards every connection sends a request.',
    columns: [
      'connections',
      'moved/s',
      'plain send/s',
      'ratio',
      'drain ms',
      'longest pause ms',
      'MiB before',
      'after',
    ],
    rows: results.map(({ count, resting, barePerSecond }) => {
      const all = (figure: keyof Resting) => resting.map((each) => each[figure])
      return [
        thousands(count),
        thousands(median(all('perSecond'))),
        thousands(median(barePerSecond)),
        ratioOf({ resting, barePerSecond }).toFixed(2),
        spread(all('drainMs'), 0),
        spread(all('pauseMs'), 0),
        median(all('predecessorMiB')).toFixed(1),
        median(all('successorMiB')).toFixed(1),
      ]
    }),
    checks: results.filter(({ count }) => count >= fewestForRatio).map(checkOf),
  }
}

const ratioOf = ({ resting, barePerSecond }: Pick<Moving, 'resting' | 'barePerSecond'>): number =>
  median(resting.map(({ perSecond }) => perSecond)) / median(barePerSecond)

function checkOf(result: Moving): Check {
  const ratio = ratioOf(result)
  return {
    kind: 'goal',
    what: `${thousands(result.count)} connections: at least ${goalRatio} of the speed of a plain send loop, is ${ratio.toFixed(2)}`,
    met: ratio >= goalRatio,
  }
}

export function loadedTable(results: readonly Moving[], { moving }: Plan): Table {
  return {
    title: 'Moving connections under load',
    note:
      `The slowest response that a client got, in ms: the median of ${moving.rounds} rounds, with quartiles. Keep-alive clients pause between ` +
      `two requests for a random time of at most twice their number in milliseconds, and at most ${longestThinkMs} ms. They run through a reload and, for the same time, without one. ` +
      'No request failed.',
    columns: ['connections', 'slowest response, reload', 'without', 'requests'],
    rows: results.map(({ count, loaded }) => [
      thousands(count),
      spread(
        loaded.map(({ reloadMs }) => reloadMs),
        1,
      ),
      spread(
        loaded.map(({ quietMs }) => quietMs),
        1,
      ),
      thousands(median(loaded.map(({ requests }) => requests))),
    ]),
    checks: [],
  }
}
