import { expect, test } from 'vitest'
import { answer, type Behavior, deserted, hostile } from '../test/hostile-server.js'
import { downloads, keepAlive, Tally, type Target, uploads } from './index.js'

const once = { requestsPerClient: 1 }

/** The result of a single keep-alive client after one request. */
async function oneRequest(target: Target, options = {}) {
  const { requests, failures } = await keepAlive({ clients: 1 })(target, { ...once, ...options })
  return { requests, failures: failures.map(({ kind, detail }) => `${kind}: ${detail}`) }
}

test('a refused connection is a failure', async () => {
  const { requests, failures } = await oneRequest(await deserted())
  expect(requests).toBe(0)
  expect(failures).toEqual([expect.stringMatching(/^refused: .*ECONNREFUSED/)])
})

test('a missing socket file counts as a refused connection', async () => {
  const { failures } = await oneRequest({ path: '/nowhere/at/all.sock' })
  expect(failures).toEqual([expect.stringMatching(/^refused: .*ENOENT/)])
})

test('a reset instead of a response is a failure', async () => {
  const { failures } = await oneRequest(await hostile((socket) => socket.resetAndDestroy()))
  expect(failures).toEqual([expect.stringMatching(/^reset: .*ECONNRESET/)])
})

test('a connection that ends without a response is a failure', async () => {
  const { failures } = await oneRequest(await hostile((socket) => socket.end()))
  expect(failures).toEqual(['cut-short: the connection ended before the next byte of the response'])
})

test.each([
  ['its head', 'HTTP/1.1 200 OK\r\nContent-', 'within a line of the response'],
  ['its body', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no', 'with 1 of 2 bytes missing'],
  ['a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\no', 'with 1 of 2 bytes missing'],
])('a response that is cut within %s is a failure', async (_, text, where) => {
  const { failures } = await oneRequest(await hostile((socket) => socket.end(text)))
  expect(failures).toEqual([`cut-short: the connection ended ${where}`])
})

test.each(['503 Service Unavailable', '500 Internal Server Error', '404 Not Found', '204 No Content'])(
  'status %s is a failure',
  async (status) => {
    const { requests, failures } = await oneRequest(
      await hostile((socket) => socket.end(answer('', { status }))),
    )
    expect(requests).toBe(0)
    expect(failures).toEqual([expect.stringMatching(`^status: ${status.slice(0, 3)}`)])
  },
)

test('a wrong body is a failure', async () => {
  const { failures } = await oneRequest(await hostile((socket) => socket.write(answer('no'))))
  expect(failures).toEqual(['wrong-body: "no" instead of /^ok$/'])
})

test('a response that is not HTTP is a failure', async () => {
  const { failures } = await oneRequest(await hostile((socket) => socket.write('Hello\r\n\r\n')))
  expect(failures).toEqual(['malformed: not a status line: "Hello"'])
})

test('a missing response is a failure', async () => {
  const { failures } = await oneRequest(await hostile(() => {}), { stallMs: 30 })
  expect(failures).toEqual(['timeout: no byte arrived for 30 ms'])
})

test('a response that only trickles in is a failure', async () => {
  const target = await hostile((socket) => {
    const trickle = setInterval(() => socket.write('H'), 5)
    socket.on('close', () => clearInterval(trickle))
  })
  const { failures } = await oneRequest(target, { requestMs: 50 })
  expect(failures).toEqual(['timeout: no complete response within 50 ms'])
})

test.each<[string, Behavior]>([
  ['closed', (socket) => socket.end(answer('ok'))],
  ['reset', (socket) => socket.write(answer('ok'), () => socket.resetAndDestroy())],
])('an idle connection that is %s without notice is a failure', async (_, behave) => {
  const over = new AbortController()
  const tally = new (class extends Tally {
    override failure(...failed: Parameters<Tally['failure']>): void {
      super.failure(...failed)
      over.abort()
    }
  })()
  const target = await hostile(behave)
  const think = { minMs: 60_000, maxMs: 60_000 }
  await keepAlive({ clients: 1, think })(target, { tally, signal: over.signal })
  expect(tally.requests).toBe(1)
  expect(tally.failures).toMatchObject([
    { kind: 'closed-unannounced', workload: 'keep-alive-thinking', client: 0 },
  ])
})

test('unrequested bytes on an idle connection are a failure', async () => {
  const over = new AbortController()
  const target = await hostile((socket, n) => {
    socket.write(answer('ok') + answer('', { status: '408 Request Timeout' }))
    if (n === 1) over.abort()
  })
  const { failures } = await keepAlive({ clients: 1 })(target, { signal: over.signal })
  expect(failures[0]).toMatchObject({ kind: 'malformed', detail: 'bytes arrived without a request' })
})

test('a response to an upload with the wrong SHA-256 is a failure', async () => {
  const target = await hostile((socket) => socket.write(answer('0'.repeat(64))))
  const { failures } = await uploads({ clients: 1, bytes: 10, overMs: 0 })(target, once)
  expect(failures).toMatchObject([{ kind: 'wrong-body', workload: 'uploads' }])
})

test('the failure of an upload that is refused halfway contains the status', async () => {
  const target = await hostile((socket, n) => {
    if (n === 0) socket.write(answer('closing', { status: '503 Service Unavailable' }))
  })
  const { failures } = await uploads({ clients: 1, bytes: 1024 * 1024, overMs: 60_000 })(target, once)
  expect(failures).toMatchObject([{ kind: 'status', detail: '503 closing' }])
})

test.each([
  ['too short', 'a', 'expected 2 bytes, got 1'],
  ['made of other bytes', 'ab', '2 bytes that do not match the pattern'],
])('a download that is %s is a failure', async (_, body, detail) => {
  const target = await hostile((socket) => socket.write(answer(body)))
  const { failures } = await downloads({ clients: 1, bytes: 2, overMs: 0 })(target, once)
  expect(failures).toMatchObject([{ kind: 'wrong-body', detail }])
})
