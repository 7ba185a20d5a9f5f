import type net from 'node:net'
import type { ActiveWork, ConnectionKind, Outcomes } from '../base/report.js'

/**
 * One open connection of any kind: what a drain needs to know about it, and how a drain ends it. Each kind has a file of
 * its own beside this one.
 */
export interface Connection {
  readonly kind: ConnectionKind
  /** Notes when the request in flight was first seen. Returns whether there is one. */
  sample?(): boolean
  /** Called when the connection has closed. */
  forget?(): void
  /** How many requests have begun and have no complete response yet. */
  inFlight(): number
  /** Describes its activity, for people who ask what a drain waits for. */
  activeWork(): ActiveWork
  /** Finishes what has begun, and announces to the client that it was the last. */
  startDraining(): void
  /** Ends what can end in order when the drain times out, such as an event stream. */
  finish?(): void
  /** Closes an idle connection in order. */
  close(): void
  /** Destroys the connection now, whatever it does. */
  cut(): void
}

/** Observes connections as they open and close. */
export interface ConnectionWatcher {
  onOpened(connection: Connection, server: net.Server): void
  /** The TLS handshake has completed. The connection that follows it counts instead. */
  onReplaced(handshake: Connection, server: net.Server): void
  onGone(connection: Connection, server: net.Server, outcome: keyof Outcomes): void
}
