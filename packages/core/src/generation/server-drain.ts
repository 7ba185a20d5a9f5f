/** Ends the work of some servers while the process keeps running. */
import type net from 'node:net'
import { HandoverError } from '../base/errors.js'
import type { DrainReport } from '../base/report.js'
import { Http1Connection } from '../connections/http1.js'
import { idleLimit } from '../connections/idle-limit.js'
import { ServerConnections } from '../connections/server-connections.js'
import { Drain, sweepMs } from './drain.js'
import type { Generation } from './generation.js'

export class ServerDrains {
  readonly #generation: Generation
  readonly #running = new Map<net.Server, Promise<DrainReport>>()

  constructor(generation: Generation) {
    this.#generation = generation
  }

  /**
   * `handle.drain()`: closes `server`, or every server, and drains its connections.
   * Errors: `ERR_HANDOVER_IN_PROGRESS`, `ERR_HANDOVER_DRAINING`.
   */
  async drain(server?: net.Server): Promise<DrainReport> {
    const { state } = this.#generation
    if (state.name === 'draining') return state.drain.run()
    const refusal = this.#refusal()
    if (refusal) throw refusal
    const running = server && this.#running.get(server)
    return running ?? this.#start(server ? [server] : this.#generation.listeners.servers())
  }

  /**
   * The owner of `server` closes it without a drain. Idle connections may still send a request, which the owner
   * answers as it documents: a response in flight does not announce the close (Fastify, `return503OnClosing`).
   */
  release(server: net.Server): void {
    const generation = this.#generation
    const { name } = generation.state
    if (name === 'draining' || name === 'exited') return
    const connections = new ServerConnections(generation.tracker, new Set([server]))
    for (const each of connections.all()) if (!(each instanceof Http1Connection)) each.startDraining()
    const closeIdle = idleLimit(connections, generation.settings.lingerMs)
    const timer = setInterval(() => {
      closeIdle()
      if (!server.listening && connections.size === 0) stop()
    }, sweepMs).unref()
    const stop = () => {
      clearInterval(timer)
      connections.stop()
    }
    generation.undoAtEnd(stop)
  }

  #start(servers: readonly net.Server[]): Promise<DrainReport> {
    const { tracker, logger, settings, listeners, supervisor } = this.#generation
    const connections = new ServerConnections(tracker, new Set(servers))
    const drain = new Drain('drain', {
      tracker: connections,
      logger,
      limits: { ...settings, shutdownDelayMs: 0 },
      closeListeners: () => listeners.closeServers(servers, { forGood: !supervisor?.alive }),
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

  /** This generation must not close a listener that another generation shares. */
  #refusal(): HandoverError | undefined {
    const { state, number, predecessor } = this.#generation
    const facts = { generation: number, state: state.name }
    if (state.name === 'exited') {
      return new HandoverError(
        'ERR_HANDOVER_DRAINING',
        `Generation ${number} has already drained. Nothing is open.`,
        facts,
      )
    }
    const shared = state.name === 'handing-over' || (state.name === 'ready' && state.onProbation)
    if (!shared && !(state.name === 'starting' && predecessor)) return undefined
    return new HandoverError(
      'ERR_HANDOVER_IN_PROGRESS',
      `A handover is under way: two generations share the listeners. Nothing was closed. Call drain() when it has ended.`,
      facts,
    )
  }
}
