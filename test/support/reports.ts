import type { FinalReport } from '@handover/core'
import type { Service } from './service.js'

/** The reports of the first `count` generations that have drained, in the order of generations. */
export async function finalReports(service: Service, count: number): Promise<FinalReport[]> {
  const reports = () => service.facts.filter(({ event }) => event === 'report')
  while (reports().length < count)
    await service.event('report', { afterIndex: reports().at(-1)?.index ?? -1 })
  return reports()
    .map(({ report }) => report as unknown as FinalReport)
    .sort((a, b) => a.generation - b.generation)
}
