/** The channel to the Socket.IO server of the predecessor or of the successor. */
import type { Peer } from '@handover/core'
import type { Operation, PeerMessage, RemoteDetails, Target } from './messages.js'
import type { Acknowledge, Packet } from './socket-io-internals.js'

/** How long the other process may take to answer. */
const answerMs = 1_000
/** How long a process that exits waits for the other one to receive its last messages. */
const settleMs = 5_000

interface Question {
  sockets(sockets: readonly RemoteDetails[]): void
  count(count: number): void
  ack: Acknowledge
}

export class GenerationLink {
  readonly role: Peer['role']
  readonly #peer: Peer
  readonly #unheard: Operation[] = []
  /** How many operations were sent before the first one of {@link #unheard}. */
  #forgotten = 0
  #heard = 0
  #isTelling = false
  #questions = 0
  readonly #open = new Map<number, Question>()
  #onSettled = () => {}

  constructor(peer: Peer) {
    this.role = peer.role
    this.#peer = peer
  }

  /** How many operations of the other process this one has performed. */
  get heard(): number {
    return this.#heard
  }

  /** The operations that the other process has not performed yet. */
  get unheard(): readonly Operation[] {
    return this.#unheard
  }

  send(message: PeerMessage): void {
    this.#peer.send(message)
  }

  sendOperation(operation: Operation): void {
    this.send({ type: 'operation', operation, heard: this.#heard })
    this.#unheard.push(operation)
  }

  /** The operations that the other process had not performed when it had performed `heard`. */
  since(heard: number): readonly Operation[] {
    return this.#unheard.slice(Math.max(0, heard - this.#forgotten))
  }

  /** The other process has performed this many operations. */
  onHeard(heard: number): void {
    const news = Math.max(0, heard - this.#forgotten)
    this.#unheard.splice(0, news)
    this.#forgotten += news
  }

  /** An operation of the other process was performed here. */
  performed(): void {
    this.#heard++
    if (this.#isTelling) return
    this.#isTelling = true
    setImmediate(() => {
      this.#isTelling = false
      this.send({ type: 'heard', heard: this.#heard })
    })
  }

  /** The sockets of the other process that match; none if it does not answer. */
  sockets(nsp: string, target: Target): Promise<readonly RemoteDetails[]> {
    return new Promise((resolve) =>
      this.#ask({ nsp, target }, { sockets: resolve, count: () => {}, ack: () => {} }),
    )
  }

  /** Broadcasts `packet`. Calls `count` once, and `ack` for the answer of each client. */
  acknowledgements(
    question: { nsp: string; target: Target; packet: Packet },
    count: (clients: number) => void,
    ack: Acknowledge,
  ): void {
    this.#ask(question, { sockets: () => {}, count, ack })
  }

  onAnswer({ number, sockets, count, args }: PeerMessage & { type: 'answer' }): void {
    const question = this.#open.get(number)
    if (sockets) question?.sockets(sockets)
    if (count !== undefined) question?.count(count)
    if (args) question?.ack(...args)
  }

  /** Resolves when the other process has received everything, or has ended. */
  settle(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, settleMs)
      this.#onSettled = () => {
        clearTimeout(timer)
        resolve()
      }
      this.send({ type: 'settle' })
    })
  }

  onSettled(): void {
    this.#onSettled()
  }

  close(): void {
    this.#onSettled()
    for (const { sockets, count } of this.#open.values()) {
      sockets([])
      count(0)
    }
    this.#open.clear()
  }

  #ask(about: { nsp: string; target: Target; packet?: Packet }, question: Question): void {
    const number = ++this.#questions
    const isCounted = about.packet !== undefined
    let isOpen = true
    const once =
      <T>(give: (value: T) => void) =>
      (value: T) => {
        if (!isOpen) return
        isOpen = false
        clearTimeout(timer)
        if (!isCounted) this.#open.delete(number)
        give(value)
      }
    const asked = { ...question, sockets: once(question.sockets), count: once(question.count) }
    const timer = setTimeout(() => (isCounted ? asked.count(0) : asked.sockets([])), answerMs)
    this.#open.set(number, asked)
    this.send({ type: 'question', number, ...about })
  }
}
