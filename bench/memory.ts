/** Part 4: how much memory a service uses after many reloads. */
import { keepAlive } from '@handover/load'
import type { Cores } from './cores.js'
import { LoadProcess } from './load-process.js'
import type { Plan } from './plan.js'
import { type Framework, Service } from './service.js'
import type { Table } from './table.js'
import { nameOf } from './throughput.js'

const measured: readonly Framework[] = ['http', 'fastify']
const handover = { probationMs: 50, drainTimeoutMs: 10_000 }
const connections = 8
const think = { minMs: 0, maxMs: 20 }

interface Reloads {
  readonly framework: Framework
  readonly beforeMiB: number
  readonly afterMiB: number
  readonly requests: number
}

export async function measureReloads({ memory }: Plan, cores: Cores): Promise<Reloads[]> {
  const load = new LoadProcess(cores.load)
  const results: Reloads[] = []
  try {
    for (const framework of measured) results.push(await reloadMany(framework, memory, load))
    return results
  } finally {
    load.stop()
  }
}

async function reloadMany(
  framework: Framework,
  { reloads, loadMs }: Plan['memory'],
  load: LoadProcess,
): Promise<Reloads> {
  const service = new Service(framework, 'graceful', { graceful: handover })
  const port = await service.port()
  const loaded = async (pid: number): Promise<number> => {
    await load.run({ port, connections, ms: loadMs })
    return (await service.usage(pid)).rssBytes / 2 ** 20
  }
  let { pid } = await service.proven(1)
  const beforeMiB = await loaded(pid)
  const over = new AbortController()
  const clients = keepAlive({ clients: connections, think })({ port }, { signal: over.signal })
  for (let generation = 1; generation <= reloads; generation++) {
    process.kill(pid, 'SIGHUP')
    pid = (await service.proven(generation + 1)).pid
    await service.gone(generation)
  }
  over.abort()
  const { requests, failures } = await clients
  if (failures.length > 0) throw new Error(`a request failed: ${JSON.stringify(failures[0])}`)
  const afterMiB = await loaded(pid)
  await service.stop()
  return { framework, beforeMiB, afterMiB, requests }
}

export function reloadsTable(results: readonly Reloads[], { memory }: Plan): Table {
  return {
    title: `Resident memory of the service before and after ${memory.reloads} reloads`,
    note:
      'MiB of all processes of the service. That is one process, because each predecessor has exited before the next reload. Before each figure ' +
      `the process gets ${memory.loadMs} ms of saturating load. During the reloads ${connections} clients send requests, none of which may fail.`,
    columns: ['', 'before', 'after', 'ratio', 'requests during the reloads'],
    rows: results.map(({ framework, beforeMiB, afterMiB, requests }) => [
      nameOf(framework),
      beforeMiB.toFixed(1),
      afterMiB.toFixed(1),
      (afterMiB / beforeMiB).toFixed(3),
      String(requests),
    ]),
    checks: [],
  }
}
