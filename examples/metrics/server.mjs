import http from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { graceful } from '@handover/core'
import { handoverMetrics } from './prometheus.mjs'

const server = http.createServer((request, response) => {
  answer(request, response).catch((error) => response.writeHead(500).end(`${error.message}\n`))
})
const handle = graceful(server, { control: process.env.HANDOVER_CONTROL })
const metrics = await handoverMetrics(handle)
if (process.env.OTEL_EXPORTER_OTLP_ENDPOINT) {
  const { exportMetrics } = await import('./opentelemetry.mjs')
  exportMetrics(handle)
}

async function answer(request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost')
  if (pathname === '/metrics') {
    return response.setHeader('content-type', metrics.contentType).end(await metrics.text())
  }
  await pause(Number(searchParams.get('ms') ?? 0))
  return response.end(JSON.stringify({ generation: handle.generation, pid: process.pid }))
}

server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`pid ${process.pid} listens on http://localhost:${server.address().port}`)
})
