// The metrics that prometheus.mjs and exporter.mjs share.
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

const buckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

export function defineMetrics() {
  const registers = [new Registry()]
  const named = (name, help, ...labelNames) => ({ name: `handover_${name}`, help, labelNames, registers })
  const reloads = new Counter(named('reloads_total', 'Reloads', 'outcome'))
  const connections = new Counter(named('drained_connections_total', 'Ends of connections', 'outcome'))
  const phases = new Histogram({ ...named('phase_duration_seconds', 'Phases', 'phase'), buckets })
  const spawns = new Histogram({ ...named('spawn_duration_seconds', 'Blocked by spawns'), buckets })
  const generation = new Gauge(named('generation', 'Number of the latest ready generation'))
  const processes = new Gauge(named('processes', 'Processes by state', 'state'))
  const inFlight = new Gauge(named('in_flight_requests', 'HTTP requests without a complete response'))
  // `increase()` does not count the first value of a series, so every series begins with 0.
  for (const outcome of ['handed-over', 'failed']) reloads.inc({ outcome }, 0)
  for (const outcome of ['moved', 'closed', 'cut', 'lost']) connections.inc({ outcome }, 0)
  for (const phase of ['starting', 'probation', 'draining']) phases.zero({ phase })

  const countReload = (outcome) => reloads.inc({ outcome })
  const countPhases = (report) => {
    for (const { name, ms } of report.phases) phases.observe({ phase: name }, ms / 1000)
    if (report.spawnMs !== undefined) spawns.observe(report.spawnMs / 1000)
  }
  const countDrain = (drain) => {
    phases.observe({ phase: 'draining' }, drain.ms / 1000)
    for (const kind of Object.values(drain.kinds)) {
      for (const [outcome, count] of Object.entries(kind)) connections.inc({ outcome }, count)
    }
  }
  return { register: registers[0], generation, processes, inFlight, countReload, countPhases, countDrain }
}
