import type net from 'node:net'

/**
 * Someone who can hand a connection on in the middle of its protocol: a WebSocket, a running event stream.
 * Core knows when, and passes the descriptor; the protocol knows where its boundaries are.
 */
export interface Movable {
  /** The name under which the successor receives it: see {@link Receiver}. */
  readonly protocol: string
  /**
   * It is its turn: where the connection is at a boundary, or comes to one, `departure` is told. Returns false if
   * it is not at one now, and wants to be asked again in a few milliseconds.
   */
  prepare(departure: Departure): boolean
  /**
   * It cannot be moved, or nobody would take it: end it politely, as the protocol says. Comes a second time when
   * no time is left.
   */
  end(): void
}

/** What a {@link Movable} answers. */
export interface Departure {
  /**
   * Reads nothing more: what comes from now on is the successor's, or is read here after a `decline`. Only so many
   * connections are held at a time: say `give` or `decline` soon.
   */
  hold(): void
  /**
   * Nothing is half-read or half-written *now*: nothing may be read from the socket, or written to it, any more.
   * `state` is what the successor must know; anything the structured clone algorithm takes. With anything else it
   * is as if it was declined.
   */
  give(state: unknown): Passage
  /** It cannot be moved: `end` is called. An error, if there was one, is logged. */
  decline(error?: unknown): void
}

/** For what must still reach the other side after the connection itself has gone. */
export interface Passage {
  /** `data` arrives behind everything that was sent before. */
  send(data: unknown): void
}

/** A connection that has come from the predecessor. */
export interface Arrival {
  readonly server: net.Server
  readonly socket: net.Socket
  readonly state: unknown
  /** Calls `receive` with everything that the other side sends through the {@link Passage}, in order. */
  onLate(receive: (data: unknown) => void): void
}

/** Goes on with a connection in the successor. A connection whose receiver throws is closed. */
export type Receiver = (arrival: Arrival) => void
