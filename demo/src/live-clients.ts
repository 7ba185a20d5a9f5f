// The WebSockets and event streams that stay open through all deploys.
import { setTimeout as pause } from 'node:timers/promises'
import { EventStreamClient } from './event-stream-client.js'
import type { LiveClient } from './live-client.js'
import type { Sequence } from './sequence.js'
import { WebSocketClient } from './websocket-client.js'

const wanted = Object.freeze({ webSockets: 50, eventStreams: 20 })
export const liveDescription = `${wanted.webSockets} WebSockets and ${wanted.eventStreams} event streams that stay open`

/** The clients start one by one in the first second, so that some are busy at any moment of a deploy. */
const openEveryMs = Math.floor(1_000 / (wanted.webSockets + wanted.eventStreams))
const checkMs = 20
/** A message that takes longer is lost. */
const stallMs = 5_000

/** The counts of all clients of one kind. */
export interface LiveCounts {
  /** How many clients the demo starts. */
  readonly clients: number
  /** Connections that only the client itself closed or will close. */
  readonly open: number
  readonly closed: number
  readonly received: number
  readonly lost: number
  readonly doubled: number
  readonly outOfOrder: number
  /** Why connections closed. */
  readonly reasons: readonly string[]
}

export interface LiveResult {
  readonly webSockets: LiveCounts
  readonly eventStreams: LiveCounts
}

export class LiveClients implements LiveResult {
  readonly #webSockets: WebSocketClient[] = []
  readonly #eventStreams: EventStreamClient[] = []
  readonly #opener: NodeJS.Timeout

  constructor(port: number) {
    this.#opener = setInterval(() => this.#openNext(port), openEveryMs)
  }

  get webSockets(): LiveCounts {
    return countsOf(wanted.webSockets, this.#webSockets)
  }

  get eventStreams(): LiveCounts {
    return countsOf(wanted.eventStreams, this.#eventStreams)
  }

  /** Open connections on which this generation sent the last message. */
  openOn(generation: number): number {
    return this.#all().filter(({ servedBy }) => servedBy === generation).length
  }

  /** Waits for the messages in flight and closes the connections. */
  async finish(): Promise<LiveResult> {
    const all = this.#all()
    for (const client of all) client.finish()
    const limit = performance.now() + stallMs
    while (performance.now() < limit && !all.every(({ isComplete }) => isComplete)) await pause(checkMs)
    this.stop()
    const { webSockets, eventStreams } = this
    return { webSockets, eventStreams }
  }

  /** Closes the connections at once. Can be called repeatedly. */
  stop(): void {
    clearInterval(this.#opener)
    for (const client of this.#all()) client.stop()
  }

  #openNext(port: number): void {
    if (this.#webSockets.length < wanted.webSockets) this.#webSockets.push(new WebSocketClient(port))
    else if (this.#eventStreams.length < wanted.eventStreams)
      this.#eventStreams.push(new EventStreamClient(port))
    else clearInterval(this.#opener)
  }

  #all(): readonly LiveClient[] {
    return [...this.#webSockets, ...this.#eventStreams]
  }
}

function countsOf(clients: number, all: readonly LiveClient[]): LiveCounts {
  const sequences = all.flatMap((client) => client.sequences)
  const sum = (of: (sequence: Sequence) => number) => sequences.reduce((total, each) => total + of(each), 0)
  const reasons = all.flatMap(({ closedBecause }) => closedBecause ?? [])
  return {
    clients,
    open: all.filter(({ isOpen }) => isOpen).length,
    closed: reasons.length,
    received: sum(({ received }) => received),
    lost: sum(({ lost }) => lost),
    doubled: sum(({ doubled }) => doubled),
    outOfOrder: sum(({ outOfOrder }) => outOfOrder),
    reasons,
  }
}
