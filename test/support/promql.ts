// Reads the queries of the dashboard in examples/metrics.
import { parser } from '@prometheus-io/lezer-promql'
import { read } from '../docs/pages.js'

export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description: string
  readonly datasource: { readonly type: string; readonly uid: string }
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets: readonly { readonly refId: string; readonly expr: string }[]
}
export interface Dashboard {
  readonly title: string
  readonly uid: string
  readonly schemaVersion: number
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly query: unknown }[]
  }
  readonly panels: readonly Panel[]
}

export const dashboard = (): Dashboard => JSON.parse(read('examples/metrics/grafana.json'))

/** The queries, with the variables that Grafana replaces. */
export const queriesOf = ({ panels }: Dashboard, job = 'app', range = '1m'): string[] =>
  panels.flatMap(({ targets }) =>
    targets.map(({ expr }) => expr.replaceAll('$job', job).replace(/\$__(rate_interval|range)\b/g, range)),
  )

/** The metrics, labels and matchers in a query. Throws if it is not PromQL. */
export function namesOf(query: string) {
  const [metrics, labels, matchers]: [string[], string[], string[]] = [[], [], []]
  parser.parse(query).iterate({
    enter: ({ name, type, from, to }) => {
      const text = query.slice(from, to)
      if (type.isError) throw new Error(`a syntax error at ${from} in ${query}`)
      if (name === 'Identifier') metrics.push(text)
      if (name === 'LabelName') labels.push(text)
      if (name === 'UnquotedLabelMatcher') matchers.push(text)
    },
  })
  return { metrics, labels, matchers }
}
