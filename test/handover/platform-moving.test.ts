// What Handover assumes about Node internals for connections, sessions and frames: see platform.test.ts.
import { expect, test } from 'vitest'
import { privately, tlsUrl } from '../support/privates.js'

test('nothing is read after a socket has lost its handle, and another socket continues with the handle', async () => {
  const told = await privately(`
    const server = http.createServer((_request, response) => response.end('answered'))
    const port = await listen(server)
    const { client, socket } = await pair(server, port, get)
    await until(() => client.bytesRead > 0)
    const read = socket.bytesRead
    const handle = privates.handleToSend(socket)
    client.write(get)
    for (let turns = 0; turns < 5; turns++) await turn()
    told.unread = socket.bytesRead === read
    privates.startReading(socket)
    await until(() => socket.bytesRead === 2 * read)
    told.readAgain = true
    told.gone = privates.handleToSend(client.destroy()) === undefined`)
  expect(told).toEqual({ unread: true, readAgain: true, gone: true })
})

test('a fresh connection can be marked as one between two requests', async () => {
  const told = await privately(`
    const server = http.createServer((_request, response) => response.end())
    const requests = []
    server.on('request', ({ url }) => requests.push(url))
    const port = await listen(server)
    const { client, socket } = await pair(server, port)
    privates.markBetweenRequests(socket)
    told.atBoundary = atBoundary(server, [socket]).has(socket)
    client.write(get.replace('/', '/own'))
    await until(() => client.bytesRead > 0)
    told.requests = requests`)
  expect(told).toEqual({ atBoundary: true, requests: ['/own'] })
})

test('a restored request has the headers that Node parsed from the same lines', async () => {
  const told = await privately(`
    const server = http.createServer((request, response) => {
      const restored = privatesOfRequests.restoreRequest(request.socket, privatesOfRequests.headOf(request))
      told.parsed = request.headers
      told.restored = restored.headers
      told.version = [request, restored].map(({ httpVersion }) => httpVersion)
      response.end()
    })
    const port = await listen(server)
    const lines = ['GET / HTTP/1.1', 'Host: test', 'Cookie: a=1', 'Cookie: b=2', 'X: 1', 'X: 2', '', '']
    const { client } = await pair(server, port, lines.join('\\r\\n'))
    await until(() => client.bytesRead > 0)`)
  const headers = { host: 'test', cookie: 'a=1; b=2', x: '1, 2' }
  expect(told).toEqual({ parsed: headers, restored: headers, version: ['1.1', '1.1'] })
})

test('a sub-process with a channel has a queue for handles, which can be hidden', async () => {
  const told = await privately(`
    const child = fork('-', { execArgv: ['--eval', 'process.disconnect()'] })
    told.has = '_handleQueue' in child
    const send = child._send
    child._send = (...args) => {
      told.sent = child._handleQueue
      return send.apply(child, args)
    }
    privates.withoutHandleQueue(child)
    child.send('something')
    told.left = child._handleQueue
    await once(child, 'disconnect')
    told.disconnected = true`)
  expect(told).toEqual({ has: true, sent: null, left: [], disconnected: true })
})

test('a TLS server has session keys and a session context, and accepts those of another server', async () => {
  const told = await privately(`
    const { key, cert } = await import('${tlsUrl}')
    const [one, other] = [tls.createServer({ key, cert }), tls.createServer({ key, cert })]
    const sessions = privatesOfTls.tlsSessionsOf(one)
    privatesOfTls.continueTlsSessions(other, { ...sessions, idContext: 'of the predecessor' })
    told.keys = other.getTicketKeys().equals(one.getTicketKeys())
    told.context = other.sessionIdContext
    told.native = typeof other._sharedCreds.context.setSessionIdContext
    told.plain = privatesOfTls.tlsSessionsOf(http.createServer()) === undefined`)
  expect(told).toEqual({ keys: true, context: 'of the predecessor', native: 'function', plain: true })
})

test('the handle below an HTTP/2 session has the number of bytes that wait to be written', async () => {
  const told = await privately(`
    const server = http2.createServer()
    const port = await listen(server)
    const client = http2.connect('http://127.0.0.1:' + port)
    const [session] = await once(server, 'session')
    const { fd, writeQueueSize } = session.socket._handle
    Object.assign(told, { fd: fd > 0, writeQueueSize: typeof writeQueueSize })`)
  expect(told).toEqual({ fd: true, writeQueueSize: 'number' })
})
