/**
 * Evening out, seen from a worker: it gives open connections to one beside it when the supervisor says so, and takes
 * theirs. Who accepts a connection is chance, and the one that wakes first wins more often
 * (docs/decisions/0016-workers-even-out-by-moving.md).
 */
import http from 'node:http'
import type net from 'node:net'
import type { Http1Connection } from './connections/http1.js'
import { Mover } from './connections/move.js'
import type { Generation } from './generation.js'
import { closeConnection } from './node-privates-connections.js'
import type { FromWorker, PassedConnection } from './wire-supervisor.js'

/** How often the supervisor hears how many connections there are, while their number changes. */
const tellMs = 250
/** How long those that are busy may take to come to the end of an answer. */
const giveMs = 1_000

export interface SharingParts {
  readonly generation: Generation
  /** The servers that listen, with the names by which all workers know their listeners. */
  readonly servers: () => readonly (readonly [net.Server, string])[]
  readonly post: (message: FromWorker, handle?: object) => void
}

export class Sharing {
  readonly #parts: SharingParts
  #told: number | undefined
  #willTell = false
  #giving: Mover | undefined

  constructor(parts: SharingParts) {
    this.#parts = parts
    parts.generation.tracker.onChange = () => this.#tellSoon()
    this.#tellSoon()
  }

  /** Whoever hangs does not answer, and is given nothing. */
  answer(): void {
    this.#parts.post({ type: 'takes' })
  }

  /** Gives at most so many. `shared` says that nothing more comes. */
  give(most: number): void {
    const { generation, servers, post } = this.#parts
    const { tracker, state } = generation
    if (this.#giving || state.name === 'draining' || state.name === 'exited') return
    const listening = servers()
    let open = 0
    const timer = setTimeout(() => mover.stop(), giveMs)
    const settled = () => {
      if (--open > 0) return
      clearTimeout(timer)
      this.#giving = undefined
      post({ type: 'shared' })
    }
    const mover = new Mover({
      listenerOf: (server) => {
        const listener = listening.findIndex(([each]) => each === server)
        return listener < 0 ? undefined : listener
      },
      protocols: new Set(),
      idle: () => new Set(tracker.idle()),
      send({ listener, betweenRequests }, handle) {
        const [, held] = listening[listener] as (typeof listening)[number]
        post({ type: 'to-peer', held, betweenRequests }, handle)
      },
      sendLate() {},
      moved(connection) {
        tracker.end(connection, 'moved')
        settled()
      },
      lost(connection) {
        tracker.end(connection, 'lost')
        settled()
      },
      keep(connection) {
        tracker.keepHere(connection)
        settled()
      },
      failed() {},
    })
    this.#giving = mover
    // Held until all have been taken: one that cannot be moved is settled at once.
    open++
    for (const [connection, server] of this.#mayGo().slice(0, most))
      if (mover.take(connection, server)) open++
    settled()
  }

  /** The answer to a connection that was given. */
  onAnswer(taken: boolean): void {
    if (taken) this.#giving?.confirm(1)
    else this.#giving?.takeBack(1)
  }

  take({ held, betweenRequests }: PassedConnection, handle: unknown): void {
    const { generation, servers, post } = this.#parts
    const [server] = servers().find(([, name]) => name === held) ?? []
    const isHandle = typeof handle === 'object' && handle !== null
    const taken = isHandle && server instanceof http.Server
    if (taken) generation.arrivals.goOn(server, handle, betweenRequests)
    else if (isHandle) closeConnection(handle)
    post({ type: 'peer-has', taken })
  }

  /** This generation leaves: its connections are its successor's. What was sent already may still be taken. */
  stop(): void {
    this.#giving?.stop()
  }

  /** Nobody is there any more to say what was taken. */
  abandon(): void {
    this.#giving?.abandon()
  }

  /** Those that any worker can go on with, and those first that can go at once. */
  #mayGo(): (readonly [Http1Connection, net.Server])[] {
    const all = this.#shareable()
    const isBusy = ([connection]: (typeof all)[number]) => Number(connection.inFlight() > 0)
    return all.sort((one, other) => isBusy(one) - isBusy(other))
  }

  /** None, when a later registration has set `moveConnections: false`. */
  #shareable(): (readonly [Http1Connection, net.Server])[] {
    const { settings, tracker } = this.#parts.generation
    return settings.moveConnections ? [...tracker.plain()] : []
  }

  #tellSoon(): void {
    if (this.#willTell) return
    this.#willTell = true
    setTimeout(() => {
      this.#willTell = false
      const connections = this.#shareable().length
      if (connections === this.#told) return
      this.#told = connections
      this.#parts.post({ type: 'shareable', connections })
    }, tellMs).unref()
  }
}
