import type { DrainReport, FinalReport } from '@handover/core'
import { expect } from 'vitest'
import type { Service } from './service.js'

/** No connection is forgotten, and none counts twice. */
export function expectOneFateEach({ open, arrived, kinds }: DrainReport): void {
  const ended = Object.values(kinds).flatMap((fates) => Object.values(fates))
  expect(ended.reduce((sum, each) => sum + each, 0)).toBe(open + arrived)
}

/** The reports of the first `count` generations that have drained, in the order of generations. */
export async function finalReports(service: Service, count: number): Promise<FinalReport[]> {
  const reports = () => service.facts.filter(({ event }) => event === 'report')
  while (reports().length < count)
    await service.event('report', { afterIndex: reports().at(-1)?.index ?? -1 })
  const all = reports().map(({ report }) => report as unknown as FinalReport)
  for (const { drain } of all) expectOneFateEach(drain)
  return all.sort((a, b) => a.generation - b.generation)
}
