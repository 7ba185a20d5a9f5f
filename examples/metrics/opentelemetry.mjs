// Each generation exports its own counts over OTLP, and the last ones after its drain.
import { randomUUID } from 'node:crypto'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'

const advice = { explicitBucketBoundaries: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] }
const exportIntervalMillis = Number(process.env.OTEL_METRIC_EXPORT_INTERVAL ?? 60_000)

/** `handle` is what `graceful` returned. */
export function exportMetrics(handle) {
  const exporter = new OTLPMetricExporter()
  const resource = resourceFromAttributes({ 'service.name': 'app', 'service.instance.id': randomUUID() })
  const readers = [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis })]
  const provider = new MeterProvider({ resource, readers })
  const meter = provider.getMeter('handover')
  const gauge = (name, observe) => meter.createObservableGauge(name).addCallback(observe)
  gauge('handover.generation', (result) => result.observe(handle.generation))
  gauge('handover.processes', (result) => result.observe(1, { state: handle.state }))
  gauge('handover.in_flight_requests', (result) => result.observe(handle.connections().inFlight))
  const reloads = meter.createCounter('handover.reloads')
  const connections = meter.createCounter('handover.drained_connections')
  const phases = meter.createHistogram('handover.phase.duration', { unit: 's', advice })
  const spawns = meter.createHistogram('handover.spawn.duration', { unit: 's', advice })

  const countReload = (report) => {
    reloads.add(1, { outcome: report.outcome })
    for (const { name, ms } of report.phases) phases.record(ms / 1000, { phase: name })
    if (report.spawnMs !== undefined) spawns.record(report.spawnMs / 1000)
  }
  handle.on('reload-failed', ({ report }) => countReload(report))
  handle.on('report', ({ reload, drain }) => {
    if (reload) countReload(reload)
    phases.record(drain.ms / 1000, { phase: 'draining' })
    for (const kind of Object.values(drain.kinds)) {
      for (const [outcome, count] of Object.entries(kind)) connections.add(count, { outcome })
    }
  })
  handle.onDrained(() => provider.forceFlush())
}
