/** The messages between the Socket.IO servers of two generations. */
import type { RequestHead } from '@handover/core'
import type { Packet, Session, StoredPacket } from './socket-io-internals.js'

/** Which sockets of a namespace an operation concerns: as the `BroadcastOptions` of an adapter. */
export interface Target {
  readonly rooms: ReadonlySet<string>
  readonly except: ReadonlySet<string>
  readonly flags?: Readonly<Record<string, unknown>>
}

/** What happens to each socket of the target. */
export type Work =
  | { readonly do: 'broadcast'; readonly packet: Packet }
  | { readonly do: 'join' | 'leave'; readonly rooms: readonly string[] }
  | { readonly do: 'disconnect'; readonly close: boolean }

/** Work for the sockets of one namespace, wherever they are. */
export interface Operation {
  readonly nsp: string
  readonly target: Target
  readonly work: Work
}

/** A call in the predecessor on a client that has moved. */
export type LateCall =
  | { readonly do: 'send'; readonly type: string; readonly data: unknown; readonly options: object }
  | { readonly do: 'close' }
  | ({ readonly do: 'operate' } & Operation)

/** What the connection state recovery of one namespace knows. */
export interface Recovery {
  readonly nsp: string
  readonly sessions: readonly Session[]
  readonly packets: readonly StoredPacket[]
}

export type PeerMessage =
  /** The first message of a successor: it takes part. */
  | { readonly type: 'hello' }
  | { readonly type: 'recovery'; readonly recovery: Recovery }
  | { readonly type: 'operation'; readonly operation: Operation; readonly heard: number }
  /** How many operations of the peer the sender has performed. */
  | { readonly type: 'heard'; readonly heard: number }
  | { readonly type: 'late'; readonly sid: string; readonly call: LateCall }
  /** A client acknowledged an event of an earlier generation. */
  | {
      readonly type: 'ack'
      readonly nsp: string
      readonly id: string
      readonly ack: number
      readonly args: unknown[]
    }
  /** The predecessor waits until the successor has received everything before this message. */
  | { readonly type: 'settle' }
  | { readonly type: 'settled' }
  /** Asks for the sockets of the target, or for their acknowledgements of a packet. */
  | {
      readonly type: 'question'
      readonly number: number
      readonly nsp: string
      readonly target: Target
      readonly packet?: Packet
    }
  /** `sockets`: the answer. `count`: how many acknowledgements follow, each in `args`. */
  | {
      readonly type: 'answer'
      readonly number: number
      readonly sockets?: readonly RemoteDetails[]
      readonly count?: number
      readonly args?: unknown[]
    }

/** A socket of another process, as Socket.IO's `RemoteSocket` expects it. */
export interface RemoteDetails {
  readonly id: string
  readonly handshake: unknown
  readonly rooms: readonly string[]
  readonly data: unknown
}

/** By source: the number of the last broadcast that a socket has received. See numbered-broadcasts.ts. */
export type Received = ReadonlyMap<string, number>

/** A socket of a namespace that moves. */
export interface MovedSocket {
  readonly nsp: string
  readonly id: string
  readonly pid: string | undefined
  readonly rooms: readonly string[]
  readonly data: unknown
  readonly handshake: {
    readonly auth: Record<string, unknown>
    readonly time: string
    readonly issued: number
  }
  /** The next acknowledgement id of the namespace. */
  readonly nextAck: number
  /** Only with an adapter for several processes. */
  readonly received: Received | undefined
}

/** A packet of engine.io that waits for the connection. */
export interface BufferedPacket {
  readonly type: string
  readonly data?: unknown
  readonly options: { readonly compress: boolean | undefined }
}

/** Everything about a client that moves, besides its WebSocket. */
export interface MovedClient {
  readonly sid: string
  readonly remoteAddress: string | undefined
  /** The request that opened the session, if that was not the request of the WebSocket. */
  readonly opened: RequestHead | undefined
  /** The times in milliseconds that the handshake told the client. */
  readonly pingInterval: number
  readonly pingTimeout: number
  /** Milliseconds until the next ping is due; 0 also if the client has not answered the last one. */
  readonly pingInMs: number
  readonly packets: readonly BufferedPacket[]
  readonly sockets: readonly MovedSocket[]
  /** How many operations of the successor the predecessor had performed for this client. */
  readonly heard: number
}
