/** Every open connection of every server of the process, and the number of requests. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type net from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ConnectionKind, Outcomes } from '../base/report.js'
import { observe } from '../platform/hidden-observers.js'
import { isHttp } from '../platform/server-kind.js'
import { responseOn, underlying, whenDestroyed } from '../platform/socket-handle.js'
import type { Connection, ConnectionWatcher } from './connection.js'
import { ConnectionDrain, type ConnectionTaker } from './connection-drain.js'
import { OpenConnections } from './counting.js'
import { DecodedConnections, passedToHttp } from './decoded.js'
import { Http1Connection } from './http1.js'
import { Http2Connection } from './http2.js'
import { idleOf } from './idle-connections.js'
import type { MovableConnection } from './movable.js'
import { RequestAgeSampler } from './request-age.js'
import { RequestCounter, type RequestInterest } from './requests.js'
import { connectionEvents, connectionOn, openSocketsOf } from './server-events.js'

const connectionOf = Symbol('handover.connection')
type Tracked = net.Socket & { [connectionOf]?: Connection }

export class Tracker extends OpenConnections {
  readonly #connections = new Map<Connection, net.Server>()
  readonly #stopObserving = new Map<net.Server, () => void>()
  readonly #interest: RequestInterest = { count: 0 }
  readonly #requests = new RequestCounter(this.#interest)
  readonly #ages = new RequestAgeSampler(this.#connections, this.#interest)
  readonly #drain = new ConnectionDrain()
  readonly decoded = new DecodedConnections(this.#connections)
  /** Another generation in this process may track the same servers by now. */
  #isReleased = false
  readonly #watchers = new Set<ConnectionWatcher>()
  onClosed: () => void = () => {}
  onChange: () => void = () => {}

  install(): () => void {
    return () => {
      this.#isReleased = true
      for (const server of [...this.#stopObserving.keys()]) this.#release(server)
    }
  }

  get open(): ReadonlyMap<Connection, net.Server> {
    return this.#connections
  }

  get requests(): number {
    return this.#requests.total
  }

  /** Tracks the connections of a server from now on. Returns whether the server is a new one. */
  track(server: net.Server): boolean {
    if (this.#stopObserving.has(server)) return false
    const after = connectionEvents(server, this.#interest, {
      opened: (socket, connection) => {
        this.decoded.accepted(connection)
        this.#add(server, socket, connection)
      },
      handshakeDone: (socket) => this.#handshakeDone(socket),
      session: (session) => this.#addSession(server, session),
    })
    const offs = [observe(server, { after }), ...(isHttp(server) ? [this.#observeRequests(server)] : [])]
    this.#stopObserving.set(server, () => {
      for (const off of offs) off()
    })
    return true
  }

  /** Like {@link track}, for a server that has already accepted connections. */
  trackOpen(server: net.Server): void {
    this.track(server)
    for (const socket of openSocketsOf(server)) {
      const connection = this.connectionOf(socket) ? undefined : connectionOn(server, socket, this.#interest)
      if (connection) this.#add(server, socket, connection)
    }
  }

  /** Passes open and new connections to `taker`. The remaining ones end after their next response. */
  startDraining(taker?: ConnectionTaker): void {
    this.findHttp()
    this.#drain.start(taker)
    for (const [connection, server] of this.#connections) this.#drain.onChanged(connection, server)
  }

  /** Serves new connections as before. Connections that have announced their end still close. */
  stopDraining(): void {
    this.#drain.stop()
  }

  /** Finds connections that a server accepted and passed to an HTTP server, which need not listen itself. */
  findHttp(): void {
    for (const [socket, server] of passedToHttp(this.#connections)) {
      if (!this.#stopObserving.has(server)) this.trackOpen(server)
      this.#add(server, socket, new Http1Connection(socket, false, this.#interest))
    }
  }

  connectionOf(socket: net.Socket): Connection | undefined {
    return (socket as Tracked)[connectionOf]
  }

  /** Adds an HTTP/1.1 connection that another process accepted. */
  adopt(server: net.Server, socket: net.Socket): void {
    this.#add(server, socket, new Http1Connection(socket, false, this.#interest))
  }

  /** Sets how the connection moves in the middle of its protocol; `undefined` if it cannot. */
  setMovable(connection: Http1Connection, movable: MovableConnection | undefined): void {
    connection.movable = movable
    this.#drainAgain(connection)
  }

  /** Cancels a pending move. */
  keepHere(connection: Http1Connection): void {
    connection.stopMoving()
    this.#drainAgain(connection)
  }

  stay(connection: Http1Connection): void {
    this.#drain.keep(connection)
  }

  /** Yields the plain HTTP/1.1 connections that can move between two requests, with their servers. */
  *plain(): Generator<readonly [Http1Connection, net.Server]> {
    for (const [connection, server] of this.#connections) {
      const isPlain = connection instanceof Http1Connection && connection.kind === 'http1'
      if (!isPlain || connection.movable || connection.inTransit) continue
      if (!this.decoded.has(connection)) yield [connection, server]
    }
  }

  /** Closes the connection in this process now: another process has it, or it cannot end in order. */
  end(connection: Connection, outcome: keyof Outcomes): void {
    this.#remove(connection, outcome)
    connection.cut()
  }

  /** The outcomes of connections since the drain began, by kind. */
  get outcomes(): Readonly<Record<ConnectionKind, Outcomes>> {
    return this.#drain.outcomes
  }

  /** How many connections have opened since the drain began. */
  get arrived(): number {
    return this.#drain.arrived
  }

  idle(): Connection[] {
    return idleOf(this.#connections)
  }

  /** Reports connections to `watcher` from now on. Returns a function that stops this. */
  watch(watcher: ConnectionWatcher): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** A server has closed. Stops tracking it if none of its connections is open. */
  closed(server: net.Server): void {
    if (![...this.#connections.values()].includes(server)) this.#release(server)
  }

  #release(server: net.Server): void {
    this.#stopObserving.get(server)?.()
    this.#stopObserving.delete(server)
  }

  #observeRequests(server: net.Server): () => void {
    return this.#requests.observe(server, (message, response) => this.#examine(message, response))
  }

  /** A request is pipelined, or the first one since the age sampler stopped, or a connection drains or moves. */
  #examine({ socket }: IncomingMessage, response: ServerResponse): void {
    this.#ages.start()
    const current = responseOn(socket)
    if (this.#interest.count === 0 && (current === undefined || current === response)) return
    const connection = (socket as Tracked)[connectionOf]
    if (connection instanceof Http1Connection) connection.begin(response)
  }

  #addSession(server: net.Server, session: ServerHttp2Session): void {
    const connection = new Http2Connection(session)
    const stream = (begun: ServerHttp2Stream) => {
      this.#requests.total++
      connection.begin(begun)
    }
    this.#keep(server, connection, (close) => observe(session, { before: { stream, close } }))
  }

  #handshakeDone(socket: TLSSocket): void {
    const below = underlying(socket) as Tracked | undefined
    this.#replaced(below?.[connectionOf])
  }

  /** Another connection now counts instead. Returns the server that accepted it. */
  #replaced(connection: Connection | undefined): net.Server | undefined {
    const server = connection && this.#connections.get(connection)
    if (!server) return undefined
    this.#connections.delete(connection)
    this.#drain.onReplaced()
    for (const watcher of this.#watchers) watcher.onReplaced(connection, server)
    return server
  }

  #add(server: net.Server, socket: Tracked, connection: Connection): void {
    if (this.#isReleased || socket.destroyed) return
    const before = socket[connectionOf]
    // A protocol may emit 'connection' on the server for a socket that moved here and is tracked already.
    if (connection instanceof Http1Connection && before instanceof Http1Connection) {
      connection.forget()
      return
    }
    // Another server may have accepted the socket and passed it on.
    const accepting = this.#replaced(before) ?? server
    socket[connectionOf] = connection
    this.#keep(accepting, connection, (gone) => whenDestroyed(socket, gone))
  }

  #keep(server: net.Server, connection: Connection, whenGone: (gone: () => void) => void): void {
    if (this.#isReleased) return
    this.#connections.set(connection, server)
    this.onChange()
    whenGone(() => this.#remove(connection, 'closed'))
    for (const watcher of this.#watchers) watcher.onOpened(connection, server)
    this.#drain.onOpened(connection, server)
  }

  #remove(connection: Connection, outcome: keyof Outcomes): void {
    const server = this.#connections.get(connection)
    if (!server) return
    this.#connections.delete(connection)
    connection.forget?.()
    this.#drain.onGone(connection, outcome)
    for (const watcher of this.#watchers) watcher.onGone(connection, server, outcome)
    this.onChange()
    this.onClosed()
  }

  #drainAgain(connection: Connection): void {
    const server = this.#connections.get(connection)
    if (server) this.#drain.onChanged(connection, server)
  }
}
