import net from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { Http1Connection } from '../connections/http1.js'
import { BoundaryQueue } from './boundary-queue.js'
import { PausedConnections } from './paused-connections.js'

const sockets: net.Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

function connectionOf(): Http1Connection {
  const socket = new net.Socket()
  sockets.push(socket)
  return new Http1Connection(socket, false, { count: 0 })
}

test('sends paused connections first, the longest paused one at the front', () => {
  const atBoundary = new Set<Http1Connection>()
  const paused = new PausedConnections(() => {})
  const queue = new BoundaryQueue({ isWaiting: () => true, paused, schedule() {} }, () => atBoundary)
  const names = new Map<Http1Connection, string>()
  const find = (name: string, isPaused: boolean) => {
    const connection = connectionOf()
    names.set(connection, name)
    if (isPaused) paused.pause(connection)
    atBoundary.add(connection)
    queue.check(connection)
  }
  const sent: (string | undefined)[] = []
  const send = (count: number) => {
    const until = sent.length + count
    queue.sendReady(
      () => sent.length < until,
      (connection) => sent.push(names.get(connection)),
    )
  }

  find('idle', false)
  find('paused first', true)
  queue.update()
  send(0)
  while (!queue.canQuery) {}
  find('answered', false)
  find('paused last', true)
  queue.update()
  send(4)

  expect(sent).toEqual(['paused first', 'paused last', 'answered', 'idle'])
})
