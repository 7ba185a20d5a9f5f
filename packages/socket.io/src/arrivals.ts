/** The successor's side: restores clients that the predecessor has moved. */
import type { IncomingMessage } from 'node:http'
import { restoreRequest } from '@handover/core'
import { type Deferred, deferred } from './deferred.js'
import { runEngineMiddlewares } from './engine-middlewares.js'
import type { BufferedPacket, LateCall, MovedClient, MovedSocket, Operation, Received } from './messages.js'
import { performFor } from './perform.js'
import { keepPinging } from './ping-timers.js'
import {
  type Connection,
  type Engine,
  type EngineRequest,
  forEachNamespace,
  type Namespace,
  type Packet,
  packetTypes,
  type ServerSocket,
  type SocketIoServer,
  type Transport,
} from './socket-io-internals.js'
import { runSocketMiddlewares } from './socket-middlewares.js'

/** The distance between the acknowledgement ids of two generations, so that late events of the earlier one do not collide. */
const ackGap = 1_000_000

/** A client on its way into this process. */
interface Arrival {
  readonly client: MovedClient
  /** Sockets that Socket.IO has not created yet, by namespace. */
  readonly sockets: Map<string, MovedSocket>
  /** Operations for sockets that do not belong to their namespaces yet. */
  readonly operations: Operation[]
  readonly late: LateCall[]
  /** Namespaces that have their socket again. */
  readonly entered: Set<string>
  /** Namespaces whose `connection` handlers have not run yet. */
  readonly missing: Set<string>
  readonly done: Deferred
}

export interface ArrivalOptions {
  readonly skipMiddlewares: boolean
  /** The operations of this process that the predecessor had not performed for this client. */
  readonly missedOperations: (heard: number) => readonly Operation[]
  /** Delivers the broadcasts of all processes that the predecessor had not delivered to this client. */
  readonly deliverMissing: (socket: ServerSocket, received: Received) => void
  /** A client acknowledged an event that this process did not send. */
  readonly onForeignAck: (socket: ServerSocket, ack: number, args: unknown[]) => void
  /** A call for a client that is here. */
  readonly perform: (connection: Connection, call: LateCall) => void
}

export class Arrivals {
  readonly #io: SocketIoServer
  readonly #options: ArrivalOptions
  readonly #bySid = new Map<string, Arrival>()
  readonly #byRequest = new WeakMap<EngineRequest, Arrival>()
  readonly #bySocket = new WeakMap<ServerSocket, Arrival>()
  /** Calls for clients that have not arrived yet. */
  readonly #early = new Map<string, LateCall[]>()

  constructor(io: SocketIoServer, options: ArrivalOptions) {
    this.#io = io
    this.#options = options
    this.#hookEngine(io.engine as Engine)
    forEachNamespace(io, (namespace) => this.#hookNamespace(namespace))
  }

  onOperation(operation: Operation): void {
    for (const arrival of this.#bySid.values()) {
      if (!arrival.entered.has(operation.nsp)) arrival.operations.push(operation)
    }
  }

  /** A call of the predecessor on a client that has moved. */
  onLateCall(sid: string, call: LateCall): void {
    const arrival = this.#bySid.get(sid)
    const connection = this.#io.engine?.clients[sid]
    if (arrival) arrival.late.push(call)
    else if (connection) this.#options.perform(connection, call)
    else this.#early.set(sid, [...(this.#early.get(sid) ?? []), call])
  }

  /** The predecessor has ended: no more clients arrive. */
  end(): void {
    this.#early.clear()
  }

  /** Resolves when the application has every socket of the client. */
  async restore(websocket: object, client: MovedClient, request: IncomingMessage): Promise<void> {
    const arrival = this.#begin(client)
    try {
      const connection = await this.#connect(arrival, websocket, request)
      if (!connection) return
      connection.once('close', () => arrival.done.resolve())
      for (const socket of client.sockets) await this.#enter(arrival, connection, socket)
      if (arrival.missing.size === 0) arrival.done.resolve()
      await arrival.done.promise
      this.#bySid.delete(client.sid)
      for (const call of arrival.late) this.#options.perform(connection, call)
    } finally {
      this.#bySid.delete(client.sid)
    }
  }

  #begin(client: MovedClient): Arrival {
    const arrival: Arrival = {
      client,
      sockets: new Map(client.sockets.map((socket) => [socket.nsp, socket])),
      operations: [...this.#options.missedOperations(client.heard)],
      late: this.#early.get(client.sid) ?? [],
      entered: new Set(),
      missing: new Set(client.sockets.map(({ nsp }) => nsp)),
      done: deferred(),
    }
    this.#early.delete(client.sid)
    this.#bySid.set(client.sid, arrival)
    return arrival
  }

  /** Creates the client of engine.io. `undefined` if its WebSocket has closed in the meantime. */
  async #connect(arrival: Arrival, websocket: object, own: IncomingMessage): Promise<Connection | undefined> {
    const engine = this.#io.engine as Engine
    const { client } = arrival
    const request: EngineRequest = client.opened ? restoreRequest(own.socket, client.opened) : own
    engine.prepare(own)
    engine.prepare(request)
    request.websocket = websocket
    await runEngineMiddlewares(engine, request)
    if ((websocket as { readyState: number }).readyState !== 1) return undefined
    this.#byRequest.set(request, arrival)
    await engine.handshake('websocket', request, (code) => {
      throw new Error(`engine.io refused the client (code ${code})`)
    })
    const connection = engine.clients[client.sid]
    if (!connection) throw new Error('engine.io did not create the client')
    this.#resume(connection, client, engine)
    return connection
  }

  /** The client has had its handshake, so it gets only what it has not received yet. */
  #resume(connection: Connection, client: MovedClient, engine: Engine): void {
    connection.upgraded = client.opened !== undefined
    connection.remoteAddress = client.remoteAddress
    connection.writeBuffer.splice(
      0,
      engine.opts.initialPacket === undefined ? 1 : 2,
      ...copied(client.packets),
    )
    connection.transport.writable = true
    connection.flush()
    keepPinging(connection, client, engine)
  }

  /** Lets Socket.IO connect one namespace, as if the client requested it. */
  async #enter(arrival: Arrival, connection: Connection, { nsp, handshake }: MovedSocket): Promise<void> {
    const { _nsps, encoder } = this.#io
    const exists =
      _nsps.has(nsp) ||
      (await new Promise<unknown>((done) => this.#io._checkNamespace(nsp, handshake.auth, done)))
    if (exists) {
      // A client of protocol 3 joins this namespace without a request.
      if (connection.protocol === 3 && nsp === '/') return
      const packet = { type: packetTypes.connect, nsp, data: handshake.auth }
      for (const part of encoder.encode(packet)) connection.emit('data', part)
      return
    }
    arrival.missing.delete(nsp)
    for (const part of encoder.encode({ type: packetTypes.disconnect, nsp }))
      connection.sendPacket('message', part)
  }

  #hookEngine(engine: Engine): void {
    const { generateId, createTransport } = engine
    Object.assign(engine, {
      generateId: (request: EngineRequest) =>
        this.#byRequest.get(request)?.client.sid ?? generateId.call(engine, request),
      createTransport: (name: string, request: EngineRequest): Transport => {
        const transport = createTransport.call(engine, name, request)
        // The packets of a handshake wait in `writeBuffer`, where `#resume` drops them.
        if (this.#byRequest.has(request)) transport.writable = false
        return transport
      },
    })
  }

  #hookNamespace(namespace: Namespace): void {
    const { _createSocket, run } = namespace
    namespace._createSocket = async (client, auth) => {
      const arrival = this.#byRequest.get(client.conn.request)
      const moved = arrival?.sockets.get(namespace.name)
      if (!arrival || !moved) return _createSocket.call(namespace, client, auth)
      arrival.sockets.delete(namespace.name)
      const socket = await _createSocket.call(namespace, client, {})
      this.#bySocket.set(socket, arrival)
      this.#identify(socket, moved, arrival)
      return socket
    }
    namespace.run = (socket, done) => {
      const arrival = this.#bySocket.get(socket)
      if (!arrival) run.call(namespace, socket, done)
      else {
        runSocketMiddlewares(socket, {
          skip: this.#options.skipMiddlewares,
          run: (next) => run.call(namespace, socket, next),
          accepted: done,
          refused: arrival.done.reject,
        })
      }
    }
  }

  /** The socket belongs to its namespace from now on: operations reach it. */
  #identify(socket: ServerSocket, moved: MovedSocket, arrival: Arrival): void {
    const { nsp } = socket
    const { id, pid, data, handshake, rooms, nextAck, received } = moved
    Object.assign(socket, { id, pid, data, connected: true })
    Object.assign(socket.handshake, handshake)
    socket.join([...rooms])
    nsp.sockets.set(id, socket)
    nsp._ids = Math.max(nsp._ids, nextAck + ackGap)
    this.#hookSocket(socket, arrival)
    for (const operation of arrival.operations) if (operation.nsp === nsp.name) performFor(socket, operation)
    if (received) this.#options.deliverMissing(socket, received)
    arrival.entered.add(nsp.name)
  }

  #hookSocket(socket: ServerSocket, arrival: Arrival): void {
    const { nsp, onack } = socket
    Object.assign(socket, {
      // Socket.IO's own method would send the packet that the client got when it connected.
      _onconnect: () => {
        arrival.missing.delete(nsp.name)
        if (arrival.missing.size === 0) arrival.done.resolve()
      },
      onack: (packet: Packet) => {
        const { id = -1, data } = packet
        if (socket.acks.has(id)) onack.call(socket, packet)
        else this.#options.onForeignAck(socket, id, data as unknown[])
      },
    })
  }
}

const copied = (packets: readonly BufferedPacket[]) =>
  packets.map((packet) => ({ ...packet, options: { ...packet.options } }))
