import type { DrainReport, FinalReport } from '@handover/core'
import { expect } from 'vitest'
import type { Service } from './service.js'

/** Every connection has exactly one outcome in the report. */
export function expectOneOutcomeEach({ open, arrived, kinds }: DrainReport): void {
  const ended = Object.values(kinds).flatMap((outcomes) => Object.values(outcomes))
  expect(ended.reduce((sum, each) => sum + each, 0)).toBe(open + arrived)
}

/** The reports of the first `count` generations that have drained, by generation. */
export async function finalReports(service: Service, count: number): Promise<FinalReport[]> {
  const reports = () => service.facts.filter(({ event }) => event === 'report')
  while (reports().length < count)
    await service.event('report', { afterIndex: reports().at(-1)?.index ?? -1 })
  const all = reports().map(({ report }) => report as unknown as FinalReport)
  for (const { drain } of all) expectOneOutcomeEach(drain)
  return all.sort((a, b) => a.generation - b.generation)
}
