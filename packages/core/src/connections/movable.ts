import type net from 'node:net'

/**
 * Moves a connection in the middle of its protocol, such as a WebSocket or a running event stream. Core decides when,
 * and passes the descriptor. The protocol knows its boundaries.
 */
export interface Movable {
  /** The name under which the successor receives the connection: see {@link Receiver}. */
  readonly protocol: string
  /**
   * Called when the connection may move. Call `departure` when the connection is at a boundary, now or later. Return
   * `false` if it is not at a boundary now. Core then calls `prepare` again in a few milliseconds.
   */
  prepare(departure: Departure): boolean
  /**
   * The connection cannot move, or no receiver is registered for it. End it politely, as the protocol specifies. Called
   * a second time when no time is left.
   */
  end(): void
}

/** How a {@link Movable} answers. */
export interface Departure {
  /**
   * Stops reading. The successor reads all later bytes, or this process after a `decline`. Core holds only a few
   * connections at a time: call `give` or `decline` soon.
   */
  hold(): void
  /**
   * Sends the connection. Call it when no message is half-read or half-written, and do not read or write any more.
   * `state` is what the successor must know: any value that the structured clone algorithm supports. With any other
   * value, core declines.
   */
  give(state: unknown): Passage
  /** The connection cannot move: core calls `end`, and logs the error, if any. */
  decline(error?: unknown): void
}

/** Sends data to the successor after the connection itself has left. */
export interface Passage {
  /** `data` arrives after everything that was sent before. */
  send(data: unknown): void
}

/** A connection that the predecessor moved here. */
export interface Arrival {
  readonly server: net.Server
  readonly socket: net.Socket
  readonly state: unknown
  /** Calls `receive` with everything that the predecessor sends through the {@link Passage}, in order. */
  onLate(receive: (data: unknown) => void): void
}

/** Continues a connection in the successor. Core closes a connection whose receiver throws. */
export type Receiver = (arrival: Arrival) => void
