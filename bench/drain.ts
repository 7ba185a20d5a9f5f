/** Part 3: how soon the predecessor exits after its last response. */
import { keepAlive, RawConnection, type ServedBy, Tally } from '@handover/load'
import type { Plan } from './plan.js'
import { type Framework, Service } from './service.js'
import { median } from './statistics.js'
import { type Check, spread, type Table } from './table.js'
import { nameOf } from './throughput.js'

const goalMs = 250
const measured: readonly Framework[] = ['http', 'fastify']
const handover = { probationMs: 50, drainTimeoutMs: 10_000 }
const think = { minMs: 0, maxMs: 400 }

interface Drains {
  readonly framework: Framework
  readonly idleConnections: number
  readonly ms: readonly number[]
}

export async function measureDrains({ drain }: Plan): Promise<Drains[]> {
  const results: Drains[] = []
  for (const framework of measured) {
    for (const idleConnections of [0, drain.idleConnections]) {
      const ms: number[] = []
      for (let round = 0; round < drain.rounds; round++) ms.push(await drainOnce(framework, idleConnections))
      results.push({ framework, idleConnections, ms })
    }
  }
  return results
}

/** Records when generation 1 sent its last response. */
class LastAnswers extends Tally {
  at = 0
  override answered(workload: string, ms: number, by: ServedBy | undefined): void {
    super.answered(workload, ms, by)
    if (by?.generation === 1) this.at = performance.now()
  }
}

async function drainOnce(framework: Framework, idleConnections: number): Promise<number> {
  const service = new Service(framework, 'graceful', { graceful: handover })
  const target = { port: await service.port() }
  await service.proven(1)
  const tally = new LastAnswers()
  const over = new AbortController()
  const clients = keepAlive({ clients: idleConnections, think })(target, { tally, signal: over.signal })
  const open = await openRequest(target)
  process.kill(service.pid, 'SIGHUP')
  await service.draining(1)
  await open.finish()
  const answeredAt = performance.now()
  const exitedAt = await service.exitedAt
  over.abort()
  const { failures } = await clients
  await service.stop()
  if (failures.length > 0) throw new Error(`a request failed: ${JSON.stringify(failures[0])}`)
  return exitedAt - Math.max(answeredAt, tally.at)
}

/** Starts a request that stays in flight until `finish` sends its last byte. */
export async function openRequest(target: { port: number }): Promise<{ finish(): Promise<void> }> {
  const connection = await RawConnection.connect(target)
  await connection.write(
    'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nx',
  )
  return {
    async finish() {
      await connection.write('x')
      const { status } = await connection.response()
      if (status !== 200) throw new Error(`the request in flight got status ${status}`)
      connection.close()
    },
  }
}

export function drainTable(results: readonly Drains[], { drain }: Plan): Table {
  return {
    title: 'Drain after the last request in flight',
    note:
      `Milliseconds from the end of the predecessor's last response to its exit, at a reload. Each figure is the median of ${drain.rounds} rounds, with quartiles. ` +
      `Idle connections are keep-alive clients that pause ${think.minMs} to ${think.maxMs} ms between two requests.`,
    columns: ['', 'idle connections', 'ms'],
    rows: results.map(({ framework, idleConnections, ms }) => [
      nameOf(framework),
      String(idleConnections),
      spread(ms, 1),
    ]),
    checks: results.map(checkOf),
  }
}

function checkOf({ framework, idleConnections, ms }: Drains): Check {
  const middle = median(ms)
  return {
    kind: 'goal',
    what: `${nameOf(framework)}, ${idleConnections} idle connections: exit at most ${goalMs} ms after the last response, is ${middle.toFixed(1)}`,
    met: middle <= goalMs,
  }
}
