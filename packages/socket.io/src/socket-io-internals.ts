/**
 * The only file that knows private parts of Socket.IO 4 and engine.io 6. {@link missingPart} checks them before any is
 * used. If one is missing, clients are closed instead of moved.
 */
import { EventEmitter } from 'node:events'
import type http from 'node:http'
import type { WebSocketLike, WebSocketServerLike } from '@handover/ws'

export type Acknowledge = (...args: unknown[]) => void

export interface Packet {
  type: number
  nsp?: string
  id?: number
  data?: unknown
}

/** Types of packets (socket.io-protocol, revision 5). */
export const packetTypes = { connect: 0, disconnect: 1, event: 2 } as const

export interface Session {
  readonly sid: string
  readonly pid: string
  readonly rooms: readonly string[]
  readonly data: unknown
  readonly disconnectedAt: number
}

/** A packet that connection state recovery keeps. */
export interface StoredPacket {
  readonly id: string
  readonly opts: { readonly rooms: ReadonlySet<string>; readonly except: ReadonlySet<string> }
  readonly data: unknown[]
  readonly emittedAt: number
}

export interface EngineRequest extends http.IncomingMessage {
  _query?: Record<string, string>
  websocket?: unknown
}

export interface Transport extends EventEmitter {
  readonly name: string
  readonly socket?: unknown
  writable: boolean
  supportsBinary: boolean
}

export interface EnginePacket {
  type: string
  data?: unknown
  options: { compress?: boolean | undefined }
}

/** A client of engine.io. */
export interface Connection extends EventEmitter {
  readonly id: string
  readonly protocol: number
  readonly readyState: string
  readonly request: EngineRequest
  readonly transport: Transport
  readonly upgrading: boolean
  upgraded: boolean
  remoteAddress: string | undefined
  writeBuffer: EnginePacket[]
  readonly pingIntervalTimer: NodeJS.Timeout | null | undefined
  readonly pingTimeoutTimer: NodeJS.Timeout | null | undefined
  server: Engine
  schedulePing(): void
  sendPacket(type: string, data?: unknown, options?: object, callback?: () => void): void
  resetPingTimeout(timeoutMs?: number): void
  flush(): void
  close(discard?: boolean): void
}

export interface Engine extends EventEmitter {
  readonly clients: Record<string, Connection>
  clientsCount: number
  readonly opts: {
    readonly pingInterval: number
    readonly pingTimeout: number
    readonly initialPacket?: unknown
  }
  readonly ws?: WebSocketServerLike<WebSocketLike>
  readonly middlewares?: readonly unknown[]
  generateId(request: EngineRequest): string | Promise<string>
  createTransport(name: string, request: EngineRequest): Transport
  prepare(request: EngineRequest): void
  handshake(transport: string, request: EngineRequest, refuse: (code: number) => void): Promise<unknown>
  _applyMiddlewares?(request: EngineRequest, response: unknown, callback: (error?: unknown) => void): void
}

export interface Client {
  readonly conn: Connection
  readonly decoder: { readonly reconstructor?: unknown }
  readonly sockets: Map<string, ServerSocket>
  writeToEngine(packets: readonly unknown[], options: object): void
}

export interface ServerSocket extends EventEmitter {
  id: string
  pid: string | undefined
  data: unknown
  recovered: boolean
  connected: boolean
  readonly client: Client
  readonly nsp: Namespace
  readonly rooms: Set<string>
  readonly acks: Map<number, Acknowledge>
  handshake: { auth: Record<string, unknown>; time: string; issued: number }
  join(rooms: string | readonly string[]): unknown
  leave(room: string): unknown
  disconnect(close?: boolean): unknown
  /** Returns the function with which a handler acknowledges the event with this id. */
  ack?(id: number): Acknowledge
  onack(packet: Packet): void
  _onconnect(): void
}

export interface Adapter extends EventEmitter {
  readonly rooms: ReadonlyMap<string, ReadonlySet<string>>
  readonly sids: ReadonlyMap<string, ReadonlySet<string>>
  delAll(id: string): void
  /** Calls `handle` for each socket of this process that matches. */
  apply?(options: BroadcastOptions, handle: (socket: ServerSocket) => void): void
  /** Only in the Redis adapter. */
  hasRoom?(room: string): boolean
  broadcast(packet: Packet, options: BroadcastOptions): void
  broadcastWithAck(
    packet: Packet,
    options: BroadcastOptions,
    count: (clients: number) => void,
    ack: Acknowledge,
  ): void
  addSockets(options: BroadcastOptions, rooms: string[]): void
  delSockets(options: BroadcastOptions, rooms: string[]): void
  disconnectSockets(options: BroadcastOptions, close: boolean): void
  fetchSockets(options: BroadcastOptions): Promise<unknown[]>
  serverCount(): Promise<number>
  persistSession(session: Session): void
  /** Only with connection state recovery. */
  readonly sessions?: Map<string, Session>
  /** Only with connection state recovery. */
  readonly packets?: StoredPacket[]
}

export interface BroadcastOptions {
  rooms: ReadonlySet<string>
  except?: ReadonlySet<string>
  flags?: Readonly<Record<string, unknown>>
}

type Next = (error?: Error) => void

export interface Namespace extends EventEmitter {
  readonly name: string
  readonly sockets: Map<string, ServerSocket>
  /** Since Socket.IO 4.8. */
  readonly _preConnectSockets?: Map<string, ServerSocket>
  readonly adapter: Adapter
  _ids: number
  _initAdapter(): void
  _createSocket(client: Client, auth: Record<string, unknown>): Promise<ServerSocket>
  _add(client: Client, auth: object, connected?: (socket: ServerSocket) => void): Promise<void>
  _remove(socket: ServerSocket): void
  run(socket: ServerSocket, done: Next): void
}

export interface SocketIoServer {
  readonly engine?: Engine
  readonly httpServer?: http.Server
  readonly sockets: Namespace
  readonly encoder: { encode(packet: Packet): unknown[] }
  readonly _nsps: Map<string, Namespace>
  readonly _parser: { Decoder: new () => EventEmitter & { add(data: unknown): void; destroy(): void } }
  path(): string
  _checkNamespace(name: string, auth: object, done: (namespace: unknown) => void): void
}

const isFunction = (owner: object | undefined, ...names: string[]): boolean =>
  names.every((name) => typeof (owner as Record<string, unknown> | undefined)?.[name] === 'function')

/** Returns the first private part that this version of Socket.IO lacks. */
export function missingPart(io: SocketIoServer): string | undefined {
  const { engine, sockets } = io
  const { adapter } = sockets
  const isPresent: Record<string, boolean> = {
    'the handshake of engine.io': isFunction(engine, 'handshake', 'generateId', 'createTransport', 'prepare'),
    'the clients of engine.io':
      typeof engine?.clients === 'object' && typeof engine.clientsCount === 'number',
    'the options of engine.io': typeof engine?.opts?.pingInterval === 'number',
    'the namespaces of Socket.IO': io._nsps instanceof Map && isFunction(io, '_checkNamespace'),
    'the parser of Socket.IO': isFunction(io.encoder, 'encode') && isFunction(io._parser, 'Decoder'),
    'the sockets of a namespace':
      sockets.sockets instanceof Map && isFunction(sockets, '_createSocket', '_add', '_remove', 'run'),
    'the rooms of an adapter':
      adapter?.sids instanceof Map && isFunction(adapter, 'broadcast', 'delAll', 'fetchSockets'),
  }
  return Object.keys(isPresent).find((name) => !isPresent[name])
}

/** Returns the first private part that this client lacks. */
export function missingPartOf(client: Client): string | undefined {
  const { conn, decoder, sockets } = client
  const isPresent: Record<string, boolean> = {
    'the packets of a client':
      Array.isArray(conn.writeBuffer) && typeof conn.transport.writable === 'boolean',
    'the ping timer of a client':
      'pingIntervalTimer' in conn && isFunction(conn, 'resetPingTimeout', 'schedulePing'),
    'the decoder of a client': typeof decoder === 'object',
    'the acknowledgements of a socket': [...sockets.values()].every(({ acks }) => acks instanceof Map),
  }
  return Object.keys(isPresent).find((name) => !isPresent[name])
}

/** Calls `handle` for each namespace, now or when it is created. */
export function forEachNamespace(io: SocketIoServer, handle: (namespace: Namespace) => void): void {
  for (const namespace of io._nsps.values()) handle(namespace)
  io.sockets.on('new_namespace', handle)
}

/** Returns the methods of Socket.IO's in-memory adapter, from which every other adapter inherits. */
export function baseAdapter(adapter: Adapter): Adapter {
  let base: Adapter = Object.getPrototypeOf(adapter)
  for (let next = base; next && next !== EventEmitter.prototype; next = Object.getPrototypeOf(next))
    base = next
  return base
}

/** Whether the adapter knows only the sockets of this process. Adapters for several processes count their servers. */
export const isInMemory = (adapter: Adapter): boolean =>
  Object.getPrototypeOf(adapter).serverCount === baseAdapter(adapter).serverCount
