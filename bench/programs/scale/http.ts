/** A server with many listeners or a large state. Its idle connections stay open for an hour. */
import { once } from 'node:events'
import http from 'node:http'
import { graceful } from '@handover/core'
import { follow, listen, options, tellListening } from '../program.js'

interface Size {
  readonly listeners?: number
  readonly stateMiB?: number
}

const { listeners = 1, stateMiB = 0 }: Size = JSON.parse(process.argv[5] ?? '{}')
const entryBytes = 1024

const first = createServer()
const handle = graceful(first, { ...options, ready: 'manual' })
const generation = follow(handle)
const state = (await handle.inheritedState<Map<string, string>>()) ?? cache(stateMiB)
if (stateMiB > 0) handle.provideState(() => state)
first.listen(listen)
await once(first, 'listening')
for (let i = 1; i < listeners; i++) {
  const server = createServer().listen({ port: listen.port, host: addressOf(i) })
  await once(server, 'listening')
}
handle.ready()
tellListening(first)

function createServer(): http.Server {
  const server = http.createServer((request, response) => {
    response.setHeader('x-generation', generation)
    if (request.method === 'POST') request.resume().on('end', () => response.end('ok'))
    else response.end('ok')
  })
  server.keepAliveTimeout = 3_600_000
  return server
}

/** Entries of 1 KiB, as in a cache of rendered pages. */
function cache(mib: number): Map<string, string> {
  const count = (mib * 2 ** 20) / entryBytes
  return new Map(Array.from({ length: count }, (_, i) => [`page ${i}`, String(i).padEnd(entryBytes, 'x')]))
}

/** Different loopback addresses with one port, because few ports in a row are free. */
function addressOf(i: number): string {
  return `127.0.${100 + Math.floor(i / 250)}.${1 + (i % 250)}`
}
