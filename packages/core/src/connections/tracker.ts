/** Every open connection of every server of the process, and how many requests have come. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type net from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ConnectionKind, Connections, Fates, Holding } from '../base/report.js'
import { type Observers, observe } from '../platform/hidden-observers.js'
import { acceptedSocketsOf, parsedSocketsOf } from '../platform/open-sockets.js'
import { isHttp, isHttp2, isHttps, isPlainHttp, isTls } from '../platform/server-kind.js'
import { answerOn, underlying, whenDestroyed } from '../platform/socket-handle.js'
import type { Connection } from './connection.js'
import { countsOf, FateCounts, holdingOf } from './counting.js'
import { type Attention, Http1Connection } from './http1.js'
import { Http2Connection } from './http2.js'
import { idleOf } from './idle-connections.js'
import type { Movable } from './movable.js'
import { RawConnection } from './raw.js'
import { AgeWatch } from './request-age.js'

const connectionOf = Symbol('handover.connection')
type Tracked = net.Socket & { [connectionOf]?: Connection }

/** Observes connections as they open and close. */
export interface ConnectionWatcher {
  onOpened(connection: Connection, server: net.Server): void
  /** Its TLS handshake is done: the connection that follows it counts instead. */
  onReplaced(handshake: Connection, server: net.Server): void
  onGone(connection: Connection, server: net.Server, fate: keyof Fates): void
}

/** Takes connections over in a drain. */
export interface ConnectionTaker {
  /** Returns whether it took the connection. Otherwise the connection drains here. */
  take(connection: Http1Connection, server: net.Server): boolean
}

export class Tracker {
  readonly #connections = new Map<Connection, net.Server>()
  /** Stops observing a server. */
  readonly #servers = new Map<net.Server, () => void>()
  #requests = 0
  readonly #attention: Attention = { count: 0 }
  readonly #ages = new AgeWatch(this.#connections)
  #draining = false
  /** The generation has released the process: another one may track the same servers. */
  #isOver = false
  #taker: ConnectionTaker | undefined
  /** What has become of connections since the drain began. */
  #fates = new FateCounts()
  readonly #watchers = new Set<ConnectionWatcher>()
  /** Called when a connection has gone. */
  onClosed: () => void = () => {}
  /** Called when one has come or gone. */
  onChange: () => void = () => {}

  install(): () => void {
    return () => {
      this.#isOver = true
      for (const server of [...this.#servers.keys()]) this.#release(server)
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
    const connections = isHttp2(server) ? this.#ofHttp2(server) : this.#ofServer(server)
    const offs = [
      observe(server, { after: connections }),
      ...(isHttp(server) ? [this.#countRequests(server)] : []),
    ]
    this.#servers.set(server, () => {
      for (const off of offs) off()
    })
    return true
  }

  /** Like {@link track}, for a server that has already accepted connections. */
  trackOpen(server: net.Server): void {
    this.track(server)
    if (isHttp2(server)) return
    const isSecure = isHttps(server)
    const sockets = isSecure ? [] : acceptedSocketsOf(server)
    for (const socket of new Set([...parsedSocketsOf(server), ...sockets])) {
      if (this.connectionOf(socket)) continue
      this.#add(server, socket, isSecure ? this.#http1(socket, true) : this.#plain(server, socket))
    }
  }

  /** Connections that are open now, and those that still come, go to `taker`, or end after their response. */
  startDraining(taker?: ConnectionTaker): void {
    this.#draining = true
    this.#taker = taker
    for (const [connection, server] of this.#connections) this.#drain(connection, server)
  }

  /** Serves new connections as before. Connections that already announced their end still close. */
  stopDraining(): void {
    this.#draining = false
    this.#taker = undefined
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

  /** It cannot be moved after all: in a drain it ends politely, otherwise it continues here. */
  stay(connection: Http1Connection): void {
    if (this.#draining) connection.startDraining()
    else connection.stopMoving()
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

  /** How many connections have opened since the drain began. */
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

  /** Reports connections to `watcher` from now on. Returns a function that stops this. */
  watch(watcher: ConnectionWatcher): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** A server has closed. The tracker follows it again when it listens again. */
  closed(server: net.Server): void {
    const isOpen = [...this.#connections.values()].includes(server)
    if (!isOpen) this.#release(server)
  }

  #release(server: net.Server): void {
    this.#servers.get(server)?.()
    this.#servers.delete(server)
  }

  #countRequests(server: net.Server): () => void {
    const request = (message: IncomingMessage, response: ServerResponse) => this.#onRequest(message, response)
    return observe(server, { before: { request, checkContinue: request, checkExpectation: request } })
  }

  /**
   * Runs for each HTTP/1.1 request of each server. Memory that Node has not just used is not in a CPU cache: an access
   * here was measured to cost 1 to 2 % of the throughput of node:http (bench/).
   */
  #onRequest({ socket, httpVersionMajor }: IncomingMessage, response: ServerResponse): void {
    // HTTP/2 requests are streams of a session.
    if (httpVersionMajor !== 1) return
    this.#requests++
    this.#ages.start()
    const current = answerOn(socket)
    if (this.#attention.count === 0 && (current === undefined || current === response)) return
    const connection = (socket as Tracked)[connectionOf]
    if (connection instanceof Http1Connection) connection.begin(response)
  }

  #plain(server: net.Server, socket: net.Socket): Connection {
    return isPlainHttp(server) ? this.#http1(socket, false) : new RawConnection(socket)
  }

  #http1(socket: net.Socket, secure: boolean): Http1Connection {
    return new Http1Connection(socket, secure, this.#attention)
  }

  #ofServer(server: net.Server): NonNullable<Observers['after']> {
    if (!isTls(server))
      return {
        connection: (socket: net.Socket) => this.#add(server, socket, this.#plain(server, socket)),
      }
    const isHttp = isHttps(server)
    return this.#secure(server, (socket) => (isHttp ? this.#http1(socket, true) : new RawConnection(socket)))
  }

  #ofHttp2(server: net.Server): NonNullable<Observers['after']> {
    const session = (opened: ServerHttp2Session) => {
      const connection = new Http2Connection(opened)
      const stream = (begun: ServerHttp2Stream) => {
        this.#requests++
        connection.begin(begun)
      }
      this.#keep(server, connection, (close) => observe(opened, { before: { stream, close } }))
    }
    if (!isTls(server)) return { session }
    // HTTP/2 connections count as sessions.
    const http1 = (socket: TLSSocket) =>
      socket.alpnProtocol === 'h2' ? undefined : this.#http1(socket, true)
    return { ...this.#secure(server, http1), session }
  }

  /** A connection is counted from before its handshake on. */
  #secure(
    server: net.Server,
    connectionFor: (socket: TLSSocket) => Connection | undefined,
  ): NonNullable<Observers['after']> {
    return {
      connection: (socket: net.Socket) => this.#add(server, socket, new RawConnection(socket, 'https')),
      secureConnection: (socket: TLSSocket) => {
        this.#handshakeDone(socket)
        const secured = connectionFor(socket)
        if (secured) this.#add(server, socket, secured)
      },
    }
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
    if (this.#isOver || socket.destroyed) return
    // One that was moved here in the middle of its protocol may meet its server's 'connection' event later.
    if (connection instanceof Http1Connection && socket[connectionOf] instanceof Http1Connection) {
      connection.forget()
      return
    }
    socket[connectionOf] = connection
    this.#keep(server, connection, (gone) => whenDestroyed(socket, gone))
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
    const moves = isHttp1 && this.#taker?.take(connection, server)
    if (!moves) connection.startDraining()
  }
}
