/**
 * What a generation and its successor share from the start of a reload to the end of the drain: the listeners, their
 * duplicates with which this generation stands by, and the connections that move.
 */
import type net from 'node:net'
import { tlsSessionsOf } from '../platform/tls-sessions.js'
import type { ListenerEntry, TlsSessions } from '../protocol/inheritance.js'
import { StandBy } from '../succession/stand-by.js'
import type { Successor } from '../succession/successor.js'
import type { SuccessorEvents, TakenOver } from '../succession/successor-messages.js'
import { firstListenerFd } from '../succession/successor-process.js'
import { Mover } from '../transfer/mover.js'
import type { StepParts } from './shared-parts.js'

export type HandoverParts = StepParts<'tracker' | 'listeners' | 'peers'>

/** How long a successor that closed its channel may take to exit. After that, no more connections move to it. */
const exitMs = 1_000

type Moving = Pick<
  SuccessorEvents,
  'onReceived' | 'onNoMore' | 'onGone' | 'onDuplicate' | 'onStoodDown' | 'onPeerData'
>

export class Handover {
  readonly #parts: HandoverParts
  /** The descriptor that the listener of each server has in the successor. */
  readonly #fds = new Map<net.Server, number>()
  readonly #standBy = new StandBy()
  readonly entries: readonly ListenerEntry[]
  #takenOver: TakenOver = { listeners: [], http1: [], protocols: [] }
  #mover: Mover | undefined

  constructor(parts: HandoverParts) {
    this.#parts = parts
    const inheritable = parts.listeners.open.inheritable()
    for (const [i, { server }] of inheritable.entries()) this.#fds.set(server, firstListenerFd + i)
    this.entries = inheritable.map(({ entry }) => entry)
  }

  /** The servers of {@link entries}, in the same order. */
  get servers(): readonly net.Server[] {
    return [...this.#fds.keys()]
  }

  /** The keys with which the successor can resume TLS sessions, by the listener's descriptor there. */
  tlsSessions(): (readonly [number, TlsSessions])[] {
    return [...this.#fds].flatMap(([server, fd]) => {
      const sessions = tlsSessionsOf(server)
      return sessions ? [[fd, sessions] as const] : []
    })
  }

  /** Handles the successor's messages about connections and duplicates. */
  events(successor: () => Successor | undefined): Moving {
    const line = this.#parts.peers.meetSuccessor((message) => successor()?.send(message))
    return {
      onReceived: (receipt) => this.#mover?.confirm(receipt),
      onNoMore: () => this.#mover?.stop(),
      onGone: () => {
        line.close()
        if (successor()?.standsBy) this.#awaitExit()
        else this.#mover?.abandon()
      },
      onPeerData: (message) => line.receive(message),
      onDuplicate: (listener, handle) => this.#standBy.keep(listener, handle),
      onStoodDown: () => this.#standBy.end(),
    }
  }

  /** The successor owns the service and serves these listeners. */
  takenOver(takenOver: TakenOver): void {
    this.#takenOver = takenOver
  }

  /** Creates the mover for the drain, if the option is set. */
  startMoving(successor: Successor): Mover | undefined {
    if (this.#parts.settings().moveConnections) this.#mover = this.#newMover(successor)
    return this.#mover
  }

  standByFor(successor: Successor): void {
    this.#standBy.begin(() => successor.standDown())
  }

  /** This generation owns the service again. Its servers listen on the duplicates that arrived, or bind again. */
  listenAgain(): void {
    const duplicates = this.#standBy.take(this.#fds)
    for (const [i, [server, duplicate]] of [...duplicates].entries()) {
      const entry = this.entries[i] as ListenerEntry
      // Without a duplicate, the control endpoint binds the path again, for this user only.
      if (!duplicate && entry.control) continue
      this.#parts.listeners.open.listenAgain(server, duplicate, entry)
    }
  }

  /** The reload failed, or the successor has ended and this generation cannot serve again. */
  abandon(): void {
    this.#mover?.abandon()
    this.#standBy.end()
  }

  /** This generation serves again if the successor exits. If it only closed its channel, no connection can move. */
  #awaitExit(): void {
    this.#mover?.pause()
    setTimeout(() => this.#mover?.abandon(), exitMs).unref()
  }

  #newMover(successor: Successor): Mover {
    const { self, tracker, logger } = this.#parts
    return new Mover({
      listenerOf: (server) => {
        const fd = this.#fds.get(server)
        return fd !== undefined && this.#takenOver.http1.includes(fd) ? fd : undefined
      },
      protocols: new Set(this.#takenOver.protocols),
      isDecoded: (connection) => tracker.decoded.has(connection),
      idle: () => new Set(tracker.idle()),
      send: (message, handle, failed) => successor.sendHandle(message, handle, (error) => error && failed()),
      requestReceipt: (upTo) => successor.send({ type: 'sent', upTo }),
      sendFollowUp: (id, data) => successor.send({ type: 'follow-up', id, data }),
      onMoved: (connection) => tracker.end(connection, 'moved'),
      onLost: (connection) => tracker.end(connection, 'lost'),
      keep: (connection) => tracker.stay(connection),
      onShortage: () =>
        logger.warn(
          { successor: successor.pid },
          `successor ${successor.pid} is short of file descriptors and takes no more connections for now; generation ` +
            `${self.number} keeps serving the other connections. Raise the limit of the service (ulimit -n, ` +
            'LimitNOFILE)',
        ),
      onFailed: (protocol, error) =>
        logger.error({ err: error, protocol }, `cannot move a connection (${protocol}): ${error}`),
    })
  }
}
