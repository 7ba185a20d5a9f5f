/** The predecessor's side: takes clients out of this process when their WebSockets move. */
import type { IncomingMessage } from 'node:http'
import { headOf, surroundings } from '@handover/core'
import { forwardConnectionCalls, forwardSocketCalls } from './forward-calls.js'
import type { LateCall, MovedClient, MovedSocket, Received } from './messages.js'
import { pingInMs, stopPinging, trackPings } from './ping-timers.js'
import {
  type Acknowledge,
  type Client,
  type Connection,
  type Engine,
  type EngineRequest,
  forEachNamespace,
  missingPartOf,
  type Namespace,
  type ServerSocket,
  type SocketIoServer,
} from './socket-io-internals.js'

export interface DepartureOptions {
  /** How long a client stays because the application waits for its acknowledgements. */
  readonly ackTimeoutMs: number
  /** How many operations of the successor this process has performed. */
  readonly heard: () => number
  readonly receivedBy: (socket: ServerSocket) => Received | undefined
  readonly sendLateCall: (sid: string, call: LateCall) => void
  readonly onMissing: (part: string) => void
  readonly moved: (socket: ServerSocket) => void
}

export class Departures {
  readonly #io: SocketIoServer
  readonly #options: DepartureOptions
  readonly #connections = new WeakMap<IncomingMessage, Connection>()
  readonly #clients = new WeakMap<Connection, Client>()
  /** Sockets whose middlewares may still run. */
  readonly #connecting = new WeakMap<Connection, Set<ServerSocket>>()
  /** How many namespaces Socket.IO is about to connect. */
  readonly #creating = new WeakMap<Connection, number>()
  /** The connection whose packet Socket.IO is handling. */
  #receiving: Connection | undefined
  /** When a client that waits for acknowledgements moves anyway. */
  readonly #deadlines = new WeakMap<Connection, number>()
  readonly #gone = new Map<string, ServerSocket>()
  readonly #goneConnections = new Set<string>()

  constructor(io: SocketIoServer, options: DepartureOptions) {
    this.#io = io
    this.#options = options
    const engine = io.engine as Engine
    engine.prependListener('connection', (connection: Connection) => this.#track(connection))
    forEachNamespace(io, (namespace) => this.#observe(namespace))
    this.#observeDecisions()
  }

  /** Whether the client with this engine id has moved to the successor. */
  hasMoved(sid: string): boolean {
    return this.#goneConnections.has(sid)
  }

  /** Whether the client of this socket has moved to the successor. */
  isGone(socket: ServerSocket): boolean {
    return this.#gone.get(socket.id) === socket
  }

  /** A client that has moved acknowledged an event. Returns whether this process had sent it. */
  acknowledge(id: string, ack: number, args: unknown[]): boolean {
    const acks = this.#gone.get(id)?.acks
    const acknowledge: Acknowledge | undefined = acks?.get(ack)
    acks?.delete(ack)
    acknowledge?.(...args)
    return acknowledge !== undefined
  }

  /** Whether the client is between two packets, and the application waits for none of its packets. */
  canMove(websocket: unknown, request: IncomingMessage): boolean {
    const connection = this.#connectionOf(request)
    if (connection?.readyState !== 'open') return false
    if (connection.upgrading || connection.transport.socket !== websocket) return false
    if (this.#isConnecting(connection)) return false
    const client = this.#clients.get(connection)
    if (!client) return true
    return client.decoder?.reconstructor == null && !this.#awaitsAcknowledgement(connection, client)
  }

  /** Returns everything that the successor needs; `undefined` if this version of Socket.IO cannot move clients. */
  describe(request: IncomingMessage): MovedClient | undefined {
    const connection = this.#connectionOf(request) as Connection
    const client = this.#clients.get(connection)
    const missing = client && missingPartOf(client)
    if (missing) {
      this.#options.onMissing(missing)
      return undefined
    }
    const { id, remoteAddress, request: first, server, writeBuffer } = connection
    const { pingInterval, pingTimeout } = server.opts
    return {
      sid: id,
      remoteAddress,
      opened: first === request ? undefined : headOf(first),
      pingInterval,
      pingTimeout,
      pingInMs: pingInMs(connection),
      packets: writeBuffer.map(({ type, data, options }) => ({
        type,
        data,
        options: { compress: options?.compress },
      })),
      sockets: client ? [...client.sockets.values()].map((socket) => this.#describeSocket(socket)) : [],
      heard: this.#options.heard(),
    }
  }

  #describeSocket(socket: ServerSocket): MovedSocket {
    const { nsp, id, pid, rooms, data, handshake } = socket
    const { auth, time, issued } = handshake
    return {
      nsp: nsp.name,
      id,
      pid,
      rooms: [...rooms],
      data,
      handshake: { auth, time, issued },
      nextAck: nsp._ids,
      received: this.#options.receivedBy(socket),
    }
  }

  /** The WebSocket has moved: removes the client, without a `disconnect`. Later calls go to the successor. */
  remove(request: IncomingMessage): void {
    const connection = this.#connectionOf(request) as Connection
    const { engine } = this.#io
    if (engine?.clients[connection.id] !== connection) return
    delete engine.clients[connection.id]
    engine.clientsCount--
    stopPinging(connection)
    this.#goneConnections.add(connection.id)
    const hasNamespace = (this.#clients.get(connection)?.sockets.size ?? 0) > 0
    forwardConnectionCalls(connection, hasNamespace, (call) =>
      this.#options.sendLateCall(connection.id, call),
    )
    for (const socket of this.#clients.get(connection)?.sockets.values() ?? []) this.#removeSocket(socket)
  }

  #removeSocket(socket: ServerSocket): void {
    const { client, nsp, id } = socket
    const rooms = new Set(socket.rooms)
    nsp.adapter.delAll(id)
    nsp._remove(socket)
    this.#gone.set(id, socket)
    forwardSocketCalls(socket, rooms, (call) => this.#options.sendLateCall(client.conn.id, call))
    try {
      this.#options.moved(socket)
    } catch (error) {
      const { logger } = surroundings()
      logger.error({ err: error, socket: id }, `socket ${id} has moved, but moved() failed: ${error}`)
    }
  }

  #track(connection: Connection): void {
    this.#connections.set(connection.request, connection)
    trackPings(connection)
    connection.prependListener('data', () => {
      this.#receiving = connection
    })
  }

  #connectionOf(request: EngineRequest): Connection | undefined {
    return this.#connections.get(request) ?? this.#io.engine?.clients[request._query?.sid ?? '']
  }

  /** A function that the application gave to `io.of` may take its time to accept a client. */
  #observeDecisions(): void {
    const { _checkNamespace } = this.#io
    this.#io._checkNamespace = (name, auth, done) => {
      const connection = this.#receiving
      if (connection) this.#count(connection, 1)
      _checkNamespace.call(this.#io, name, auth, (namespace) => {
        done(namespace)
        if (connection) this.#count(connection, -1)
      })
    }
  }

  #count(connection: Connection, change: number): void {
    this.#creating.set(connection, (this.#creating.get(connection) ?? 0) + change)
  }

  #observe(namespace: Namespace): void {
    const { _createSocket, run } = namespace
    namespace._createSocket = async (client, auth) => {
      const { conn } = client
      this.#clients.set(conn, client)
      this.#count(conn, 1)
      try {
        const socket = await _createSocket.call(namespace, client, auth)
        const connecting = this.#connecting.get(conn) ?? new Set()
        this.#connecting.set(conn, connecting.add(socket))
        return socket
      } finally {
        this.#count(conn, -1)
      }
    }
    namespace.run = (socket, done) =>
      run.call(namespace, socket, (error) => {
        if (error) this.#connecting.get(socket.client.conn)?.delete(socket)
        done(error)
      })
  }

  #isConnecting(connection: Connection): boolean {
    const connecting = this.#connecting.get(connection) ?? new Set()
    for (const socket of connecting) if (socket.connected) connecting.delete(socket)
    return connecting.size > 0 || (this.#creating.get(connection) ?? 0) > 0
  }

  #awaitsAcknowledgement(connection: Connection, client: Client): boolean {
    const isAwaited = [...client.sockets.values()].some(({ acks }) => acks?.size > 0)
    if (!isAwaited) return false
    const deadline = this.#deadlines.get(connection) ?? performance.now() + this.#options.ackTimeoutMs
    this.#deadlines.set(connection, deadline)
    return performance.now() < deadline
  }
}
