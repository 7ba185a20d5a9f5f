import type net from 'node:net'

/**
 * Moves a connection in the middle of its protocol, such as a WebSocket or a running event stream. Core chooses the
 * time and passes the descriptor; the protocol knows its message boundaries.
 */
export interface MovableConnection {
  /** The name under which the successor receives the connection: see {@link ConnectionReceiver}. */
  readonly protocol: string
  /**
   * Called when the connection may move. Use `transfer` when the connection is at a boundary, now or later. Return
   * `false` if it is not at a boundary now. Core then calls `prepare` again in a few milliseconds.
   */
  prepare(transfer: OutgoingTransfer): boolean
  /**
   * The connection cannot move, or no receiver is registered for it. End it politely, as the protocol specifies. Called
   * a second time when no time is left.
   */
  end(): void
}

/** How a {@link MovableConnection} moves: pauses, then sends or cancels. */
export interface OutgoingTransfer {
  /**
   * Stops reading. The successor reads all later bytes, or this process after a `cancel`. Core keeps only a few
   * connections paused at a time: call `send` or `cancel` soon.
   */
  pause(): void
  /**
   * Sends the connection. Call it when no message is half-read or half-written, and do not read or write any more.
   * `state` is what the successor must know: any value that the structured clone algorithm supports. With any other
   * value, core cancels the transfer.
   */
  send(state: unknown): FollowUpChannel
  /** The connection cannot move: core calls `end`, and logs the error, if any. */
  cancel(error?: unknown): void
}

/** Sends data to the successor after the connection itself has left. */
export interface FollowUpChannel {
  /** `data` arrives after everything that was sent before. */
  send(data: unknown): void
}

/** A connection that the predecessor moved here. */
export interface IncomingConnection {
  readonly server: net.Server
  readonly socket: net.Socket
  readonly state: unknown
  /** Calls `receive` with everything that the predecessor sends through the {@link FollowUpChannel}, in order. */
  onFollowUp(receive: (data: unknown) => void): void
}

/** Continues a connection in the successor. Core closes a connection whose receiver throws. */
export type ConnectionReceiver = (incoming: IncomingConnection) => void
