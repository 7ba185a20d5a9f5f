import type net from 'node:net'
import type { ActiveWork, ConnectionKind, Outcomes } from '../base/report.js'

/** An open connection of any kind, as a drain uses it. Each kind has a file in this folder. */
export interface Connection {
  readonly kind: ConnectionKind
  /** Notes when the request in flight was first sampled. Returns whether there is one. */
  sample?(): boolean
  forget?(): void
  /** How many requests have no complete response yet. */
  inFlight(): number
  /** Describes its activity for logs and reports. */
  activeWork(): ActiveWork
  /** Ends the connection after the requests in flight, and announces this to the client. */
  startDraining(): void
  /** Called when the drain times out. Ends in order a response that can, such as an event stream. */
  finish?(): void
  /** Closes an idle connection in order. */
  close(): void
  cut(): void
}

export interface ConnectionWatcher {
  onOpened(connection: Connection, server: net.Server): void
  /** The TLS handshake has completed. The connection that it opens counts instead. */
  onReplaced(handshake: Connection, server: net.Server): void
  onGone(connection: Connection, server: net.Server, outcome: keyof Outcomes): void
}
