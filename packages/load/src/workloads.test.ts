import { createHash } from 'node:crypto'
import http from 'node:http'
import { Readable } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import { answer, hostile, listening } from '../test/hostile-server.js'
import {
  downloads,
  Fault,
  keepAlive,
  mixedLoad,
  newConnections,
  pattern,
  patternSha256,
  slowRequests,
  Tally,
  uploads,
} from './index.js'

test('Connection: close is not a failure, and the next request opens a new connection', async () => {
  const target = await hostile((socket) => socket.end(answer('ok', { headers: 'Connection: close\r\n' })))
  const result = await keepAlive({ clients: 1 })(target, { requestsPerClient: 3 })
  expect(result).toMatchObject({ requests: 3, failed: 0, connectionsOpened: 3, closedByAnswer: 3 })
})

test('with leaveOnClose a client does not reconnect after Connection: close', async () => {
  const target = await hostile((socket, n) => {
    if (n === 1) socket.end(answer('ok', { headers: 'Connection: close\r\n' }))
    else socket.write(answer('ok'))
  })
  const result = await keepAlive({ clients: 1 })(target, { requestsPerClient: 9, leaveOnClose: true })
  expect(result).toMatchObject({ requests: 2, failed: 0, connectionsOpened: 1, closedByAnswer: 1 })
})

test('a client keeps its connection until the server closes it', async () => {
  const target = await hostile((socket) => socket.write(answer('ok')))
  const result = await keepAlive({ clients: 2 })(target, { requestsPerClient: 50 })
  expect(result).toMatchObject({ requests: 100, failed: 0, connectionsOpened: 2, closedByAnswer: 0 })
})

test('a failed request is not retried, and the next request opens a new connection', async () => {
  const target = await hostile((socket, n) =>
    n === 0 ? socket.resetAndDestroy() : socket.write(answer('ok')),
  )
  const result = await keepAlive({ clients: 1 })(target, { requestsPerClient: 2 })
  expect(result).toMatchObject({ requests: 1, failed: 1, connectionsOpened: 2 })
})

test('newConnections opens one connection for each request', async () => {
  const target = await hostile((socket) => socket.write(answer('ok')))
  const result = await newConnections({ clients: 2 })(target, { requestsPerClient: 5 })
  expect(result).toMatchObject({ requests: 10, failed: 0, connectionsOpened: 10 })
})

test('the expected response body can be configured', async () => {
  const target = await hostile((socket, n) => socket.write(answer(n === 0 ? '{"release":1}' : 'ok')))
  const result = await keepAlive({ clients: 1, answer: /^\{"release":\d\}$/ })(target, {
    requestsPerClient: 2,
  })
  expect(result).toMatchObject({ requests: 1, failed: 1 })
  expect(result.failures).toMatchObject([{ kind: 'wrong-body' }])
})

test('newConnections can pause between requests without an open connection', async () => {
  const tally = new Tally()
  const target = await hostile((socket) => socket.write(answer('ok', { headers: 'X-Generation: 1\r\n' })))
  const think = { minMs: 20, maxMs: 20 }
  const startedAt = performance.now()
  await newConnections({ clients: 1, think })(target, { requestsPerClient: 3, tally })
  expect(performance.now() - startedAt).toBeGreaterThan(55)
  expect(tally).toMatchObject({ connectionsOpened: 3, open: new Map([[1, 0]]) })
})

test('uploads can pause between requests, on the same connection', async () => {
  const target = await hostile((socket) => socket.write(answer(patternSha256(10))))
  const think = { minMs: 20, maxMs: 20 }
  const startedAt = performance.now()
  const result = await uploads({ clients: 1, bytes: 10, overMs: 0, think })(target, { requestsPerClient: 3 })
  expect(performance.now() - startedAt).toBeGreaterThan(55)
  expect(result).toMatchObject({ requests: 3, failed: 0, connectionsOpened: 1 })
})

test('an open connection counts for the generation that sent its last response', async () => {
  const tally = new Tally()
  const seen: (readonly [number, number][])[] = []
  const target = await hostile((socket, n) => {
    seen.push([...tally.open])
    socket.write(answer('ok', { headers: `X-Generation: ${n < 2 ? 1 : 2}\r\nX-Pid: 1\r\n` }))
  })
  await keepAlive({ clients: 1 })(target, { requestsPerClient: 4, tally })
  const [on1, on2] = [
    [[1, 1]],
    [
      [1, 0],
      [2, 1],
    ],
  ]
  expect(seen).toEqual([[], on1, on1, on2])
  expect([...tally.open.values()]).toEqual([0, 0])
})

test('the result counts responses by generation, and connections that moved', async () => {
  const target = await hostile((socket, n) => {
    const headers = `X-Generation: ${n < 3 ? 1 : 2}\r\nX-Pid: ${n < 3 ? 111 : 222}\r\n`
    if (n < 5) socket.write(answer('ok', { headers }))
    else socket.end()
  })
  const result = await keepAlive({ clients: 1 })(target, { requestsPerClient: 6 })
  expect(result.servedBy).toEqual(
    new Map([
      [1, 3],
      [2, 2],
    ]),
  )
  expect(result.moved).toBe(1)
  expect(result.failures).toMatchObject([{ kind: 'cut-short', servedBy: { generation: 2, pid: 222 } }])
})

test('downloads reads slowly enough to cause backpressure', async () => {
  const bytes = 32 * 1024 * 1024
  let waited = false
  const target = await hostile((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`)
    const content = Readable.from(pattern(bytes)).pipe(socket, { end: false })
    socket.once('drain', () => {
      waited = content.bytesWritten < bytes
    })
  })
  const { requests, latency } = await downloads({ clients: 1, bytes, overMs: 300 })(target, {
    requestsPerClient: 1,
  })
  expect({ requests, waited }).toEqual({ requests: 1, waited: true })
  expect(latency.max).toBeGreaterThanOrEqual(295)
})

test('the load ends at its limit unless the signal ends it earlier', async () => {
  const target = await hostile((socket) => socket.write(answer('ok')))
  const { requests, failed } = await keepAlive({ clients: 1 })(target, { maxMs: 500 })
  expect(requests).toBeGreaterThan(0)
  expect(failed).toBe(0)
})

test('only the first 1000 failures are kept, but all are counted', () => {
  const tally = new Tally()
  for (let n = 0; n < 1500; n++) tally.failure('keep-alive', 0, new Fault('reset', ''), undefined)
  expect(tally.result()).toMatchObject({ failed: 1500, failures: { length: 1000 } })
})

test('all workloads together have no failure with a correct server', async () => {
  const over = new AbortController()
  const server = http.createServer(serveCorrectly)
  onTestFinished(() => void server.close())
  const tally = new Tally()
  const running = mixedLoad(await listening(server), {
    tally,
    signal: over.signal,
    workloads: [
      newConnections({ clients: 2 }),
      keepAlive({ clients: 2 }),
      keepAlive({ clients: 5, think: { minMs: 0, maxMs: 5 } }),
      slowRequests({ clients: 2, ms: 20 }),
      uploads({ clients: 2, bytes: 200_000, overMs: 20 }),
      downloads({ clients: 2, bytes: 200_000, overMs: 20 }),
    ],
  })
  server.on('request', () => tally.result().workloads.size === 6 && over.abort())
  const result = await running
  expect(result.failures).toEqual([])
  expect([...result.workloads.keys()].sort()).toEqual(
    ['downloads', 'keep-alive', 'keep-alive-thinking', 'new-connections', 'slow-requests', 'uploads'].sort(),
  )
})

function serveCorrectly(request: http.IncomingMessage, response: http.ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  if (pathname === '/slow') setTimeout(() => response.end('ok'), Number(searchParams.get('ms')))
  else if (pathname === '/download') Readable.from(pattern(Number(searchParams.get('bytes')))).pipe(response)
  else if (pathname === '/upload') {
    const hash = createHash('sha256')
    request.on('data', (chunk) => hash.update(chunk)).on('end', () => response.end(hash.digest('hex')))
  } else response.end('ok')
}
