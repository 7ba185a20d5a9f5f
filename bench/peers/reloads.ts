/** Part 7: how reloads under each manager affect clients. */
import { setMaxListeners } from 'node:events'
import { keepAlive, newConnections } from '@handover/load'
import { WebSocket } from 'ws'
import { freePort } from '../first-response.js'
import type { Plan } from '../plan.js'
import type { Table } from '../table.js'
import { type ManagerName, managers, titles, untilServed } from './manager.js'

const workers = 2
const clients = { keepAlive: 50, newConnections: 8, webSockets: 20 }
const sayMs = 50

interface Seen {
  readonly manager: ManagerName
  readonly requests: number
  readonly failed: number
  /** Keep-alive connections that the server closed, with or without `Connection: close`. */
  readonly closed: number
  readonly webSocketsCut: number
  /** The duration of a reload in seconds. */
  readonly seconds: number
}

export async function measurePeerReloads({ peers }: Plan): Promise<Seen[]> {
  const results: Seen[] = []
  for (const name of Object.keys(managers) as ManagerName[])
    results.push(await reloadUnder(name, peers.reloads))
  return results
}

async function reloadUnder(name: ManagerName, reloads: number): Promise<Seen> {
  const port = await freePort()
  const manager = await managers[name]({ port, workers, core: undefined })
  try {
    await untilServed(port, workers)
    const over = new AbortController()
    setMaxListeners(clients.webSockets + 10, over.signal)
    const options = { signal: over.signal }
    const kept = keepAlive({ clients: clients.keepAlive, think: { minMs: 0, maxMs: 400 } })({ port }, options)
    const fresh = newConnections({ clients: clients.newConnections, think: { minMs: 0, maxMs: 20 } })(
      { port },
      options,
    )
    const sockets = Array.from({ length: clients.webSockets }, () => new Talker(port, over.signal))
    await Promise.all(sockets.map((socket) => socket.talk()))
    const startedAt = performance.now()
    for (let i = 0; i < reloads; i++) await manager.reload()
    const seconds = (performance.now() - startedAt) / 1000 / reloads
    over.abort()
    const [one, other] = await Promise.all([kept, fresh])
    return {
      manager: name,
      requests: one.requests + other.requests,
      failed: one.failed + other.failed,
      closed: one.connectionsOpened - clients.keepAlive,
      webSocketsCut: sockets.reduce((sum, { cuts }) => sum + cuts, 0),
      seconds,
    }
  } finally {
    await manager.stop()
  }
}

/** A WebSocket that keeps sending messages and reconnects when it is cut. */
class Talker {
  cuts = 0
  readonly #port: number
  readonly #signal: AbortSignal

  constructor(port: number, signal: AbortSignal) {
    this.#port = port
    this.#signal = signal
  }

  /** Resolves when the WebSocket is open. */
  async talk(): Promise<void> {
    const socket = new WebSocket(`ws://127.0.0.1:${this.#port}/`, { perMessageDeflate: false })
    const timer = setInterval(() => socket.readyState === WebSocket.OPEN && socket.send('hello'), sayMs)
    const leave = () => socket.terminate()
    this.#signal.addEventListener('abort', leave, { once: true })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearInterval(timer)
      this.#signal.removeEventListener('abort', leave)
      if (this.#signal.aborted) return
      this.cuts++
      setTimeout(() => void this.talk(), sayMs)
    })
    await new Promise<void>((resolve) => {
      socket.once('open', resolve).once('close', resolve)
    })
  }
}

export function peerReloadsTable(results: readonly Seen[], { peers }: Plan): Table {
  return {
    title: 'Reloads under a process manager',
    note:
      `${peers.reloads} reloads of ${workers} workers, with ${clients.keepAlive} keep-alive clients that pause 0 to 400 ms, ${clients.newConnections} clients that open a connection for each ` +
      `request, and ${clients.webSockets} WebSockets. No client retries. Counts cover all reloads together.`,
    columns: ['', 'requests', 'failed', 'keep-alive connections closed', 'WebSockets cut', 's per reload'],
    rows: results.map(({ manager, requests, failed, closed, webSocketsCut, seconds }) => [
      titles[manager],
      String(requests),
      String(failed),
      String(closed),
      String(webSocketsCut),
      seconds.toFixed(1),
    ]),
    checks: results
      .filter(({ manager }) => manager === 'handover')
      .map(({ failed, webSocketsCut }) => ({
        kind: 'must',
        what: `handover run: no failed request and no cut WebSocket, are ${failed} and ${webSocketsCut}`,
        met: failed === 0 && webSocketsCut === 0,
      })),
  }
}
