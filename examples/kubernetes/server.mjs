import { readFileSync } from 'node:fs'
import http from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { graceful } from '@handover/core'

const { CONFIG, PORT, POD_NAME, SHUTDOWN_DELAY_MS, DRAIN_TIMEOUT_MS } = process.env
const { greeting } = JSON.parse(readFileSync(CONFIG, 'utf8'))
if (typeof greeting !== 'string') throw new TypeError(`${CONFIG} has no greeting`)

const server = http.createServer(async (request, response) => {
  if (request.url === '/slow') await pause(2_000)
  response.end(`${JSON.stringify({ greeting, pod: POD_NAME, pid: process.pid })}\n`)
})

const handle = graceful(server, {
  health: { liveness: '/livez', readiness: '/readyz' },
  shutdownDelayMs: Number(SHUTDOWN_DELAY_MS),
  drainTimeoutMs: Number(DRAIN_TIMEOUT_MS),
})
handle.onDrained(() => console.log('drained: close databases here'))

server.listen(Number(PORT))
