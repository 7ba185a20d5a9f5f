import type { ConnectionKind, Holding } from '../base/report.js'

/**
 * One open connection, of whatever kind: what the drain needs to know of it, and what it can do to it.
 * Each kind has a file of its own beside this one.
 */
export interface Connection {
  readonly kind: ConnectionKind
  /** Notes what is under way by now. Returns whether anything is. */
  look?(): boolean
  /** It has gone. */
  forget?(): void
  /** Requests that were begun and whose answer is not out yet. */
  inFlight(): number
  /** What it does, for people who ask what holds the drain. */
  holding(): Holding
  /** Be polite: finish what was begun, and let the other side know that this was the last. */
  startDraining(): void
  /** At the limit: end what can be ended in order, like an event stream. */
  finish?(): void
  /** End an idle connection in order. */
  close(): void
  /** End it now, whatever it does. */
  cut(): void
}
