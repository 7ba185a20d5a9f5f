/** Every open connection of every server of the process, and how many requests have come. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import http, { type ServerResponse } from 'node:http'
import type { ServerHttp2Session } from 'node:http2'
import type net from 'node:net'
import type { TLSSocket } from 'node:tls'
import { answerOn, underlying } from '../node-privates-connections.js'
import { acceptedSocketsOf, parsedSocketsOf } from '../node-privates-open.js'
import { isTls } from '../node-privates-tls.js'
import type { ConnectionKind, Connections, Fates, Holding } from '../report.js'
import { AgeWatch } from './ages.js'
import type { Connection } from './connection.js'
import { countsOf, FateCounts, holdingOf } from './counting.js'
import { type Attention, Http1Connection } from './http1.js'
import { Http2Connection } from './http2.js'
import { idleOf } from './idle.js'
import type { Movable } from './movable.js'
import type { Mover } from './move.js'
import { RawConnection } from './raw.js'

const connectionOf = Symbol('handover.connection')
type Tracked = net.Socket & { [connectionOf]?: Connection }

/** Told of every request of every server, without wrapping anything (Node: diagnostics_channel, HTTP). */
const requestStart = 'http.server.request.start'

/** Told of connections as they come and go. */
export interface ConnectionWatcher {
  onOpened(connection: Connection, server: net.Server): void
  /** Its TLS handshake is done: the connection that follows it counts instead. */
  onReplaced(handshake: Connection, server: net.Server): void
  onGone(connection: Connection, server: net.Server, fate: keyof Fates): void
}

export class Tracker {
  readonly #connections = new Map<Connection, net.Server>()
  readonly #servers = new WeakSet<net.Server>()
  #requests = 0
  readonly #attention: Attention = { count: 0 }
  readonly #ages = new AgeWatch(this.#connections)
  #draining = false
  /** The generation has let go of the process: another one may track the same servers. */
  #isOver = false
  #mover: Mover | undefined
  /** What has become of connections since the drain began. */
  #fates = new FateCounts()
  readonly #watchers = new Set<ConnectionWatcher>()
  /** Called when a connection has gone. */
  onClosed: () => void = () => {}
  /** Called when one has come or gone. */
  onChange: () => void = () => {}

  install(): () => void {
    subscribe(requestStart, this.#onRequest)
    return () => {
      this.#isOver = true
      unsubscribe(requestStart, this.#onRequest)
    }
  }

  get size(): number {
    return this.#connections.size
  }

  get requests(): number {
    return this.#requests
  }

  /** Follows the connections of a server from now on. Returns whether it is a new one. */
  track(server: net.Server): boolean {
    if (this.#servers.has(server)) return false
    this.#servers.add(server)
    if (isHttp2(server)) this.#trackHttp2(server)
    else if (isTls(server)) this.#trackTls(server)
    else
      server.on('connection', (socket: net.Socket) => this.#add(server, socket, this.#plain(server, socket)))
    return true
  }

  /** As {@link track}, for a server that has accepted connections already. */
  trackOpen(server: net.Server): void {
    this.track(server)
    if (isHttp2(server)) return
    const isSecure = isTls(server) && isHttps(server)
    const sockets = isSecure ? [] : acceptedSocketsOf(server)
    for (const socket of new Set([...parsedSocketsOf(server), ...sockets])) {
      if (this.connectionOf(socket)) continue
      this.#add(server, socket, isSecure ? this.#http1(socket, true) : this.#plain(server, socket))
    }
  }

  /** Connections that are open now, and those that still come, go to `mover`, or are told that it is the end. */
  startDraining(mover?: Mover): void {
    this.#draining = true
    this.#mover = mover
    for (const [connection, server] of this.#connections) this.#drain(connection, server)
  }

  /** Those that still come are served as before. Those that were told that it is the end, end. */
  stopDraining(): void {
    this.#draining = false
    this.#mover = undefined
    this.#fates = new FateCounts()
  }

  connectionOf(socket: net.Socket): Connection | undefined {
    return (socket as Tracked)[connectionOf]
  }

  /** A connection that no server has accepted. */
  adopt(server: net.Server, socket: net.Socket): void {
    this.#add(server, socket, this.#http1(socket, false))
  }

  /** Who can move it in the middle of its protocol, if anybody. */
  setMovable(connection: Http1Connection, movable: Movable | undefined): void {
    connection.movable = movable
    const server = this.#connections.get(connection)
    if (server && this.#draining) this.#drain(connection, server)
  }

  /** Somebody wanted to move it, and does not any more. */
  keepHere(connection: Http1Connection): void {
    connection.stopMoving()
    const server = this.#connections.get(connection)
    if (server && this.#draining) this.#drain(connection, server)
  }

  /** Connections that speak plain HTTP/1.1 and nothing else, with their servers. */
  *plain(): Generator<readonly [Http1Connection, net.Server]> {
    for (const [connection, server] of this.#connections) {
      const isPlain = connection instanceof Http1Connection && connection.kind === 'http1'
      if (isPlain && !connection.movable && !connection.isAway) yield [connection, server]
    }
  }

  /** Ends it here and now: it is in another process, or nothing can be done for it. */
  end(connection: Connection, fate: keyof Fates): void {
    this.#remove(connection, fate)
    connection.cut()
  }

  /** What has become of connections since the drain began, by kind. */
  get fates(): Readonly<Record<ConnectionKind, Fates>> {
    return this.#fates.kinds
  }

  /** How many have come since the drain began. */
  get arrived(): number {
    return this.#fates.arrived
  }

  /** Connections that can be closed without cutting a request off. */
  idle(): Connection[] {
    return idleOf(this.#connections)
  }

  all(): Connection[] {
    return [...this.#connections.keys()]
  }

  /** What is not idle, the oldest first. */
  holding(): Holding[] {
    return holdingOf(this.#connections, new Set(this.idle()))
  }

  counts(): Connections {
    return countsOf(this.#connections, new Set(this.idle()), this.#requests)
  }

  /** Every open connection, with its server. */
  get open(): ReadonlyMap<Connection, net.Server> {
    return this.#connections
  }

  /** Tells `watcher` of connections from now on. Returns the way back. */
  watch(watcher: ConnectionWatcher): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /**
   * Of each request of each server: what is touched here, beside what Node touches just now, is not in a cache, and was
   * seen to cost 1 to 2 % of the throughput of node:http (bench/).
   */
  readonly #onRequest = (message: unknown): void => {
    const { socket, response } = message as { socket: Tracked; response: ServerResponse }
    this.#requests++
    this.#ages.start()
    if (this.#attention.count === 0 && answerOn(socket) === undefined) return
    const connection = socket[connectionOf]
    if (connection instanceof Http1Connection) connection.begin(response)
  }

  #plain(server: net.Server, socket: net.Socket): Connection {
    return server instanceof http.Server ? this.#http1(socket, false) : new RawConnection(socket)
  }

  #http1(socket: net.Socket, secure: boolean): Http1Connection {
    return new Http1Connection(socket, secure, this.#attention)
  }

  #trackTls(server: net.Server): void {
    const isHttp = isHttps(server)
    this.#trackSecure(server, (socket) => (isHttp ? this.#http1(socket, true) : new RawConnection(socket)))
  }

  #trackHttp2(server: net.Server): void {
    if (isTls(server)) {
      // Those of HTTP/2 are sessions.
      this.#trackSecure(server, (socket) =>
        socket.alpnProtocol === 'h2' ? undefined : this.#http1(socket, true),
      )
    }
    server.on('session', (session: ServerHttp2Session) => {
      const connection = new Http2Connection(session)
      session.on('stream', () => this.#requests++)
      this.#keep(server, connection, (gone) => session.once('close', gone))
    })
  }

  /** A connection is counted from before its handshake on. */
  #trackSecure(server: net.Server, connectionFor: (socket: TLSSocket) => Connection | undefined): void {
    server.on('connection', (socket: net.Socket) =>
      this.#add(server, socket, new RawConnection(socket, 'https')),
    )
    server.on('secureConnection', (socket: TLSSocket) => {
      this.#handshakeDone(socket)
      const connection = connectionFor(socket)
      if (connection) this.#add(server, socket, connection)
    })
  }

  #handshakeDone(socket: TLSSocket): void {
    const below = underlying(socket) as Tracked | undefined
    const handshake = below?.[connectionOf]
    const server = handshake && this.#connections.get(handshake)
    if (!server) return
    this.#connections.delete(handshake)
    if (this.#draining) this.#fates.arrived--
    for (const watcher of this.#watchers) watcher.onReplaced(handshake, server)
  }

  #add(server: net.Server, socket: Tracked, connection: Connection): void {
    if (this.#isOver) return
    // One that was moved here in the middle of its protocol may meet its server's 'connection' event later.
    if (connection instanceof Http1Connection && socket[connectionOf] instanceof Http1Connection) {
      connection.forget()
      return
    }
    socket[connectionOf] = connection
    this.#keep(server, connection, (gone) => socket.once('close', gone))
  }

  #keep(server: net.Server, connection: Connection, whenGone: (gone: () => void) => void): void {
    if (this.#isOver) return
    this.#connections.set(connection, server)
    this.onChange()
    whenGone(() => this.#remove(connection, 'closed'))
    for (const watcher of this.#watchers) watcher.onOpened(connection, server)
    if (!this.#draining) return
    this.#fates.arrived++
    this.#drain(connection, server)
  }

  #remove(connection: Connection, fate: keyof Fates): void {
    const { kind } = connection
    const server = this.#connections.get(connection)
    if (!server) return
    this.#connections.delete(connection)
    connection.forget?.()
    if (this.#draining) this.#fates.add(kind, fate)
    for (const watcher of this.#watchers) watcher.onGone(connection, server, fate)
    this.onChange()
    this.onClosed()
  }

  #drain(connection: Connection, server: net.Server): void {
    const isHttp1 = connection instanceof Http1Connection
    // Another process may have it by now: it comes back through `keepHere`, or never.
    if (isHttp1 && connection.isAway) return
    const moves = isHttp1 && this.#mover?.take(connection, server)
    if (!moves) connection.startDraining()
  }
}

/** Node exports no class of HTTP/2 servers; only they have this method. */
const isHttp2 = (server: net.Server): boolean => 'updateSettings' in server

/** An https.Server is a tls.Server that speaks HTTP/1.1: it has the methods of an http.Server. */
const isHttps = (server: net.Server): boolean => 'closeIdleConnections' in server
