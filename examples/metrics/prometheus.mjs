// The metrics of a service with one process. The counts of all generations continue in the successor.
import { AggregatorRegistry } from 'prom-client'
import { defineMetrics } from './definitions.mjs'

/** Await this before the server listens. `handle` is what `graceful` returned. */
export async function handoverMetrics(handle) {
  const { register, ...metrics } = defineMetrics()
  const before = (await handle.inheritedState())?.metrics ?? []
  const all = async () => AggregatorRegistry.aggregate([before, await register.getMetricsAsJSON()])
  handle.provideState(async () => {
    const values = await (await all()).getMetricsAsJSON()
    return { metrics: values.filter(({ type }) => type !== 'gauge') }
  })

  let isSuccessor = handle.predecessor !== undefined
  handle.on('state', ({ state, onProbation }) => {
    if (state !== 'ready' || onProbation) return
    if (isSuccessor) metrics.countReload('handed-over')
    isSuccessor = false
  })
  handle.on('predecessor-finished', ({ reload, drain }) => {
    if (reload) metrics.countPhases(reload)
    metrics.countDrain(drain)
  })
  handle.on('reload-failed', ({ report }) => {
    metrics.countReload('failed')
    metrics.countPhases(report)
  })

  const text = async () => {
    metrics.generation.set(handle.generation)
    metrics.processes.reset()
    metrics.processes.set({ state: handle.state }, 1)
    metrics.inFlight.set(handle.connections().inFlight)
    return (await all()).metrics()
  }
  return { text, contentType: register.contentType }
}
