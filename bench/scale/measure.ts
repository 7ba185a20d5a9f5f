/** One measurement of each section. Every service is fresh. */
import { openRequest } from '../drain.js'
import { freePort } from '../first-response.js'
import { managers, untilServed } from '../peers/manager.js'
import { rssMiB } from '../peers/memory.js'
import { Service, type StartOptions } from '../service.js'
import { IdleConnections } from './idle-connections.js'
import { MemorySamples } from './memory-samples.js'
import { Probes } from './probes.js'
import type { Figures, SectionName } from './result.js'

const handover = { probationMs: 50, drainTimeoutMs: 60_000 }
/** Connections that move through all generations. */
const idleThroughGenerations = 200

export const measurements: Readonly<Record<SectionName, (size: number) => Promise<Figures>>> = {
  connections: moveIdle,
  listeners: async (listeners) => reloadOnce({ port: await freePort(), size: { listeners } }),
  state: (stateMiB) => reloadOnce({ size: { stateMiB } }),
  generations: drainMany,
  workers: reloadWorkers,
}

async function moveIdle(count: number): Promise<Figures> {
  const service = new Service('http', 'scale', { graceful: handover })
  const idle = new IdleConnections()
  try {
    const port = await service.port()
    await idle.open(port, count)
    const beforeMiB = rssMiB(service.pid)
    const { figures, drained, successor } = await observe(service, port)
    if (drained.moved < count) throw new Error(`only ${drained.moved} of ${count} connections moved`)
    const afterMiB = rssMiB(successor)
    await idle.ask(2)
    return {
      ...figures,
      moved: count,
      drainMs: drained.ms,
      pauseMs: drained.longestWaitMs,
      beforeMiB,
      afterMiB,
    }
  } finally {
    await idle.stop()
    await service.stop()
  }
}

async function reloadOnce({ port, size }: Pick<StartOptions, 'port' | 'size'>): Promise<Figures> {
  const service = new Service('http', 'scale', {
    graceful: handover,
    ...(size === undefined ? {} : { size }),
    ...(port === undefined ? {} : { port }),
  })
  try {
    return (await observe(service, await service.port())).figures
  } finally {
    await service.stop()
  }
}

/** Reloads a service once, with clients that send requests before and meanwhile. */
async function observe(service: Service, port: number) {
  await service.proven(1)
  const probes = new Probes(port)
  const quietMs = await probes.quiet()
  const memory = new MemorySamples(service)
  const { ms, slowestMs } = await probes.during(async () => {
    process.kill(service.pid, 'SIGHUP')
    await service.drained(1)
  })
  memory.stop()
  await probes.stop()
  const [drained, { pid }] = [await service.drained(1), await service.proven(2)]
  return { figures: { reloadMs: ms, slowestMs, quietMs, peakMiB: memory.peakMiB }, drained, successor: pid }
}

/** Reloads while each older generation still has a request in flight, then ends these requests. */
async function drainMany(count: number): Promise<Figures> {
  const service = new Service('http', 'scale', { graceful: handover })
  const idle = new IdleConnections()
  try {
    const port = await service.port()
    await idle.open(port, idleThroughGenerations)
    const probes = new Probes(port)
    const quietMs = await probes.quiet()
    const memory = new MemorySamples(service)
    const requests: Awaited<ReturnType<typeof openRequest>>[] = []
    let lastMs = 0
    const { slowestMs } = await probes.during(async () => {
      for (let generation = 1; generation <= count; generation++) {
        const { pid } = await service.proven(generation)
        requests.push(await openRequest({ port }))
        const startedAt = performance.now()
        process.kill(pid, 'SIGHUP')
        await service.proven(generation + 1)
        lastMs = performance.now() - startedAt
      }
    })
    await service.draining(count)
    memory.sample()
    memory.stop()
    const draining = service.facts.filter(({ state }) => state === 'draining').length
    const exited = service.facts.filter(({ event }) => event === 'drained').length
    const startedAt = performance.now()
    await Promise.all(requests.map((request) => request.finish()))
    for (let generation = 1; generation <= count; generation++) await service.drained(generation)
    const endMs = performance.now() - startedAt
    await idle.ask(count + 1)
    await probes.stop()
    return {
      reloadMs: lastMs,
      slowestMs,
      quietMs,
      peakMiB: memory.peakMiB,
      draining: draining - exited,
      endMs,
    }
  } finally {
    await idle.stop()
    await service.stop()
  }
}

async function reloadWorkers(workers: number): Promise<Figures> {
  const port = await freePort()
  const manager = await managers.handover({ port, workers, core: undefined })
  try {
    await untilServed(port, workers)
    const probes = new Probes(port)
    const quietMs = await probes.quiet()
    const { ms, slowestMs } = await probes.during(() => manager.reload())
    await probes.stop()
    return { reloadMs: ms, slowestMs, quietMs, managerMiB: rssMiB(manager.pid) }
  } finally {
    await manager.stop()
  }
}
