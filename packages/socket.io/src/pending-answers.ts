/** Acknowledgements that clients wait for while handlers of this process still run. */
import { surroundings } from '@handover/core'
import { forEachNamespace, type ServerSocket, type SocketIoServer } from './socket-io-internals.js'

/** The fraction of the time limit of a hook that answers get. */
const hookFraction = 0.8

interface Pending {
  readonly socket: ServerSocket
  readonly until: number
  onAnswer(): void
}

export class PendingAnswers {
  readonly #limitMs: number
  /** In the order of their limits. */
  readonly #pending = new Set<Pending>()

  constructor(io: SocketIoServer, limitMs: number) {
    this.#limitMs = limitMs
    forEachNamespace(io, (namespace) => {
      const { _createSocket } = namespace
      namespace._createSocket = async (client, auth) => {
        const socket = await _createSocket.call(namespace, client, auth)
        this.#observe(socket)
        return socket
      }
    })
  }

  /** Resolves when this process has answered all clients that have moved. Events that nothing answers have a limit. */
  async answered(hasMoved: (socket: ServerSocket) => boolean): Promise<void> {
    const now = performance.now()
    const longest = surroundings().hookMs * hookFraction
    const waits = [...this.#pending]
      .filter(({ socket, until }) => until > now && hasMoved(socket))
      .map((pending) => answerOf(pending, Math.min(pending.until - now, longest)))
    await Promise.all(waits)
  }

  #observe(socket: ServerSocket): void {
    const { ack } = socket
    if (typeof ack !== 'function') return
    socket.ack = (id) => {
      const acknowledge = ack.call(socket, id)
      const pending: Pending = { socket, until: performance.now() + this.#limitMs, onAnswer: () => {} }
      this.#forgetUnanswered()
      this.#pending.add(pending)
      return (...args) => {
        acknowledge(...args)
        this.#pending.delete(pending)
        pending.onAnswer()
      }
    }
  }

  #forgetUnanswered(): void {
    const now = performance.now()
    for (const pending of this.#pending) {
      if (pending.until > now) return
      this.#pending.delete(pending)
    }
  }
}

function answerOf(pending: Pending, limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, limitMs)
    pending.onAnswer = () => {
      clearTimeout(timer)
      resolve()
    }
  })
}
