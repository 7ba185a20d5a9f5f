// The metrics of all workers of `handover run`: reads them from its control socket.
import http from 'node:http'
import net from 'node:net'
import { createInterface } from 'node:readline'
import { defineMetrics } from './definitions.mjs'

const { register, ...metrics } = defineMetrics()
const counted = new Set()
const started = new Date().toISOString()

/** Each status repeats the last reload, even one from before this process started. */
function isNew({ pid, startedAt }, what) {
  const { size } = counted
  return startedAt > started && counted.add(`${pid} ${startedAt} ${what}`).size > size
}

function update({ generations, lastReload }) {
  metrics.processes.reset()
  for (const { state } of generations) metrics.processes.inc({ state })
  const ready = generations.filter(({ state }) => state === 'ready')
  metrics.generation.set(Math.max(0, ...ready.map(({ generation }) => generation)))
  metrics.inFlight.set(generations.reduce((sum, { connections }) => sum + (connections?.inFlight ?? 0), 0))
  for (const report of lastReload?.reports ?? []) {
    if (isNew(report, report.outcome)) {
      metrics.countReload(report.outcome)
      metrics.countPhases(report)
    }
    if (report.drain && isNew(report, 'drain')) metrics.countDrain(report.drain)
  }
}
const control = net.connect(process.env.HANDOVER_CONTROL ?? 'handover.sock')
control.on('close', () => process.exit(1))
control.write('{ "handover": 1, "id": 1, "request": "watch" }\n')
createInterface({ input: control }).on('line', (line) => update(JSON.parse(line).status))
const server = http.createServer(async (_, response) => {
  response.setHeader('content-type', register.contentType).end(await register.metrics())
})
server.listen(Number(process.env.PORT ?? 9464), () => {
  console.log(`pid ${process.pid} listens on http://localhost:${server.address().port}`)
})
