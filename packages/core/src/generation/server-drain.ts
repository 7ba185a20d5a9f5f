/** Drains some servers while the process keeps running. */
import type net from 'node:net'
import type { DrainReport } from '../base/report.js'
import { Http1Connection } from '../connections/http1.js'
import { idleLimit } from '../connections/idle-connections.js'
import { ServerConnections } from '../connections/server-connections.js'
import { Drain, sweepMs } from './drain.js'
import { refuseDrain } from './refusals.js'
import type { StepParts } from './shared-parts.js'

export type ServerDrainParts = StepParts<'tracker' | 'listeners' | 'predecessor' | 'supervised' | 'undoAtEnd'>

export class ServerDrains {
  readonly #parts: ServerDrainParts
  readonly #running = new Map<net.Server, Promise<DrainReport>>()

  constructor(parts: ServerDrainParts) {
    this.#parts = parts
  }

  /**
   * `handle.drain()`: closes `server`, or every server, and drains its connections.
   * Errors: `ERR_HANDOVER_IN_PROGRESS`, `ERR_HANDOVER_DRAINING`.
   */
  async drain(server?: net.Server): Promise<DrainReport> {
    const { listeners, machine } = this.#parts
    const { state } = machine
    if (state.name === 'draining') return state.drain.run()
    const refusal = refuseDrain(this.#parts)
    if (refusal) throw refusal
    const running = server && this.#running.get(server)
    return running ?? this.#start(server ? [server] : listeners.servers())
  }

  /**
   * The owner of `server` closes it without a drain. Idle connections may still send a request. The owner decides how to
   * answer it (Fastify: `return503OnClosing`), so responses in flight do not announce the close.
   */
  release(server: net.Server): void {
    const { machine, tracker, settings, undoAtEnd } = this.#parts
    if (machine.isEnding) return
    const connections = new ServerConnections(tracker, new Set([server]))
    for (const each of connections.all()) if (!(each instanceof Http1Connection)) each.startDraining()
    const closeIdle = idleLimit(connections, settings().lingerMs)
    const timer = setInterval(() => {
      closeIdle()
      if (!server.listening && connections.size === 0) stop()
    }, sweepMs).unref()
    const stop = () => {
      clearInterval(timer)
      connections.stop()
    }
    undoAtEnd(stop)
  }

  #start(servers: readonly net.Server[]): Promise<DrainReport> {
    const { tracker, logger, settings, listeners, supervised } = this.#parts
    const connections = new ServerConnections(tracker, new Set(servers))
    const drain = new Drain('drain', {
      tracker: connections,
      logger,
      limits: { ...settings(), shutdownDelayMs: 0 },
      closeListeners: () => listeners.closeServers(servers, { forGood: supervised() !== 'alive' }),
      beforeDrain: undefined,
      predecessor: undefined,
      mover: undefined,
    })
    const ended = drain.run().finally(() => {
      connections.stop()
      for (const server of servers) if (this.#running.get(server) === ended) this.#running.delete(server)
    })
    for (const server of servers) this.#running.set(server, ended)
    return ended
  }
}
