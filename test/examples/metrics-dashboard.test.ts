// The dashboard and the guide use exactly what the programs of examples/metrics export.
import { expect, test } from 'vitest'
import { blocksOf, codeWords, read, tableBelow } from '../docs/pages.js'
import { scrape, startServer, startWorkers } from '../support/metrics.js'
import { dashboard, namesOf, queriesOf } from '../support/promql.js'

const guide = 'docs/guides/metrics.md'
const queries = queriesOf(dashboard()).map(namesOf)
/** Prometheus adds these to each metric. */
const ofPrometheus = ['instance', 'job']
/** The name of a metric without the suffix of a series. */
const familyOf = (name: string) => name.replace(/_(bucket|sum|count)$/, '')
const sorted = (names: Iterable<string>) => [...new Set(names)].sort()

/** The series, metrics and label pairs in the names of samples. */
function exportedBy(samples: Iterable<string>) {
  const names = [...samples]
  return {
    series: new Set(names.map((name) => name.replace(/\{.*/, ''))),
    pairs: new Set(names.flatMap((name) => name.match(/\w+="[^"]*"/g) ?? [])),
  }
}

async function exported() {
  const { service } = await startServer()
  return exportedBy((await scrape(service.target)).keys())
}

test('the dashboard has what Grafana requires', () => {
  const { title, uid, schemaVersion, templating, panels } = dashboard()
  expect({ title, uid }).toEqual({ title: 'Handover', uid: 'handover' })
  expect(schemaVersion).toBeGreaterThanOrEqual(36)
  expect(templating.list.map(({ name, type }) => [name, type])).toEqual([
    ['datasource', 'datasource'],
    ['job', 'query'],
  ])
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  for (const panel of panels) {
    expect(panel).toMatchObject({
      type: expect.stringMatching(/^(timeseries|stat)$/),
      title: expect.stringMatching(/./),
      description: expect.stringMatching(/\.$/),
      // Grafana replaces the variable.
      datasource: { type: 'prometheus', uid: expect.stringMatching(/^\$\{datasource\}$/) },
    })
    expect(panel.gridPos.x + panel.gridPos.w).toBeLessThanOrEqual(24)
    expect(panel.targets.map(({ refId }) => refId)).toEqual(['A', 'B'].slice(0, panel.targets.length))
  }
})

test('each metric and label in a query is exported, and each exported metric and label is in a query', async () => {
  const { series, pairs } = await exported()
  const used = queries.flatMap(({ metrics }) => metrics)
  expect(used.filter((name) => !series.has(name))).toEqual([])
  expect(sorted(used.map(familyOf))).toEqual(sorted([...series].map(familyOf)))

  const labels = queries.flatMap(({ labels }) => labels).filter((label) => !ofPrometheus.includes(label))
  expect(sorted(labels)).toEqual(sorted([...pairs].map((pair) => pair.replace(/=.*/, ''))))
  const matched = queries.flatMap(({ matchers }) => matchers).map((matcher) => matcher.replace('!=', '='))
  expect(matched.filter((pair) => !pair.startsWith('job=') && !pairs.has(pair))).toEqual([])
})

test('exporter.mjs exports the same metrics and labels', async () => {
  const { exporter } = await startWorkers()
  expect(exportedBy((await scrape(exporter.target)).keys())).toEqual(await exported())
})

test('the guide lists exactly the exported metrics with their labels', async () => {
  const { series, pairs } = await exported()
  const rows = tableBelow(guide, 'The metrics')
  const families = rows.map(([metric = '']) => codeWords(metric)[0] ?? '')
  expect(sorted(families)).toEqual(sorted([...series].map(familyOf)))
  const listed = rows.flatMap(([, labels = '']) => codeWords(labels))
  expect(sorted(listed)).toEqual(
    sorted([...pairs].map((pair) => pair.replace(/=.*/, '')).filter((label) => label !== 'le')),
  )
})

test('each metric and label in an alert of the guide is exported', async () => {
  const { series, pairs } = await exported()
  const alerts = tableBelow(guide, 'Alerts').map(([alert = '']) => namesOf(codeWords(alert)[0] ?? ''))
  expect(alerts.flatMap(({ metrics }) => metrics).filter((name) => !series.has(name))).toEqual([])
  const known = new Set([...pairs].map((pair) => pair.replace(/=.*/, '')))
  expect(alerts.flatMap(({ labels }) => labels).filter((label) => !known.has(label))).toEqual([])
  expect(alerts).toHaveLength(2)
})

const shown = ['definitions.mjs', 'prometheus.mjs', 'exporter.mjs', 'opentelemetry.mjs', 'prometheus.yml']

test.each(shown)('the guide shows %s', (name) => {
  expect(blocksOf(guide).map(({ code }) => code)).toContain(read(`examples/metrics/${name}`))
})
