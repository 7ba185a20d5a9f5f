import http, { type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { EventStreamClient } from './event-stream-client.js'
import { WebSocketClient } from './websocket-client.js'

/** Serves requests and WebSockets, and returns the port. */
async function serve(onRequest: RequestListener, onSocket: (socket: WebSocket) => void): Promise<number> {
  const server = http.createServer(onRequest)
  new WebSocketServer({ server }).on('connection', onSocket)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

const serveSockets = (onSocket: (socket: WebSocket) => void) => serve(() => {}, onSocket)
const serveStreams = (onRequest: RequestListener) => serve(onRequest, () => {})

test('a message without a response is lost in both directions', async () => {
  const client = new WebSocketClient(
    await serveSockets((socket) => socket.on('message', () => socket.send('2 2 7'))),
  )
  onTestFinished(() => client.stop())
  await vi.waitFor(() => expect(client.sequences.map(({ lost }) => lost)).toEqual([1, 1]), 5_000)
  expect(client).toMatchObject({ isOpen: true, closedBecause: undefined, servedBy: 7 })
})

test('a WebSocket that the service closes counts as closed, with the code', async () => {
  const client = new WebSocketClient(await serveSockets((socket) => socket.close(1012, 'service restart')))
  await vi.waitFor(() => expect(client.closedBecause).toBe('closed with 1012 (service restart)'))
  expect(client).toMatchObject({ isOpen: false, isComplete: true })
})

test('an event stream that stops without an end loses an event', async () => {
  const client = new EventStreamClient(
    await serveStreams((_request, response) => response.write('id: 1\ndata: 7\n\nid: 3\n')),
  )
  const [events] = client.sequences
  await vi.waitFor(() => expect(events).toMatchObject({ received: 2, lost: 1 }))
  expect(client.servedBy).toBe(7)
  client.finish()
  expect(client.isComplete).toBe(false)
  client.stop()
  expect(client.servedBy).toBeUndefined()
  expect(events).toMatchObject({ received: 2, lost: 2 })
  expect(client).toMatchObject({ isOpen: true, closedBecause: undefined })
})

test.each<[string, RequestListener, string]>([
  ['ends', (_request, response) => response.writeHead(200).end('id: 1\n\n'), 'the service ended the stream'],
  ['refuses', (_request, response) => response.writeHead(503).end(), 'status 503'],
  ['cuts', (request) => request.socket.destroy(), 'socket hang up'],
])('an event stream that the service %s counts as closed', async (_, onRequest, reason) => {
  const client = new EventStreamClient(await serveStreams(onRequest))
  await vi.waitFor(() => expect(client.closedBecause).toBe(reason))
  expect(client).toMatchObject({ isOpen: false, isComplete: true })
})
