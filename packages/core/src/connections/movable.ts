import type net from 'node:net'

/**
 * Moves a connection in the middle of its protocol, such as a WebSocket or a running event stream. Core chooses the
 * time and passes the descriptor. The protocol knows its message boundaries.
 */
export interface MovableConnection {
  /** The name under which the successor receives the connection: see {@link ConnectionReceiver}. */
  readonly protocol: string
  /**
   * Called when the connection can move. Use `transfer` when the connection is at a boundary, now or later. If this
   * method returns `false`, core calls it again in a few milliseconds.
   */
  prepare(transfer: OutgoingTransfer): boolean
  /**
   * The connection cannot move, or no receiver is registered for it. End it in order, as the protocol specifies. Called
   * again when the drain times out.
   */
  end(): void
}

/** The transfer of a {@link MovableConnection}: pause it, then send or cancel it. */
export interface OutgoingTransfer {
  /**
   * Stops reading. The successor reads all later bytes, or this process does after `cancel`. Call `send` or `cancel`
   * soon: core pauses only a few connections at a time.
   */
  pause(): void
  /**
   * Sends the connection. Call this when no message is half-read or half-written, and do not read or write afterwards.
   * `state` is any value that the structured clone algorithm supports. For any other value, core cancels the transfer.
   */
  send(state: unknown): FollowUpChannel
  /** The connection cannot move. Core logs the error, if any, and calls `end`. */
  cancel(error?: unknown): void
}

/** Sends data to the successor after the connection itself has left. */
export interface FollowUpChannel {
  /** `data` arrives after all data sent before. */
  send(data: unknown): void
}

/** A connection that the predecessor moved here. */
export interface IncomingConnection {
  readonly server: net.Server
  readonly socket: net.Socket
  readonly state: unknown
  /** Calls `receive` with all data that the predecessor sends through the {@link FollowUpChannel}, in order. */
  onFollowUp(receive: (data: unknown) => void): void
}

/** Continues a connection in the successor. Core closes a connection whose receiver throws. */
export type ConnectionReceiver = (incoming: IncomingConnection) => void
