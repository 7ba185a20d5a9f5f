/** One client of a control socket. Whatever it sends, or does not read, is its own affair alone. */
import type net from 'node:net'
import type { HandoverError } from '../base/errors.js'
import {
  busy,
  type ControlAnswer,
  type ControlLine,
  type ControlRequest,
  type ControlVerb,
  failureOf,
  invalidRequest,
  type ReloadSummary,
  type RequestId,
  readRequest,
} from '../protocol/control-messages.js'
import type { Controlled } from './controlled.js'

/** How long a line may be, in bytes and in characters. */
export const longestLine = 64 * 1024
/** How long a client may be connected without anything that is answered to it. */
const idleMs = 30_000
/** While this much waits for a client, the service reads none of its requests and drops events. */
const mostUnread = 1024 * 1024
/** How long a client may read nothing while data waits for it. An answer has no size limit. */
const stalledMs = 10_000
/** How long a refused client may take to read the reason. */
const refusedMs = 1_000
/** How many requests of one client are answered at a time. */
const mostActive = 16
/** How often a client that watches hears of the status, changed or not. */
const watchMs = 1_000
/** How often a client that waits for something hears that it is still under way. */
const aliveMs = 1_000
/** How soon after the last time it hears of a change. */
const changeMs = 100

/** What must be known to go on with a client in another process. */
export interface CarriedClient {
  /** The requests to watch that it made. */
  readonly watching: readonly RequestId[]
  /** What it has sent of a line that is not whole yet. */
  readonly pending: string
}

/** Answers a request other than `watch`. */
type Answer = (request: ControlRequest) => Promise<ControlAnswer>

export class ControlClient {
  readonly #socket: net.Socket
  readonly #controlled: Controlled
  readonly #watching = new Map<RequestId, () => void>()
  #pending: string
  #active = 0
  #idle: NodeJS.Timeout | undefined
  #isOver = false
  readonly #answers: Readonly<Record<Exclude<ControlVerb, 'watch'>, Answer>> = {
    status: async () => ({ ok: true, status: await this.#controlled.status() }),
    reload: async (request) => ({ ok: true, reload: await this.#reload(request) }),
    stop: async ({ id }) => {
      return { ok: true, stop: await this.#controlled.stop((event) => this.#tell({ id, ...event })) }
    },
  }

  constructor(socket: net.Socket, controlled: Controlled, carried?: CarriedClient) {
    this.#socket = socket
    this.#controlled = controlled
    this.#pending = carried?.pending ?? ''
    // It is no reason to stay.
    socket.unref()
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#forget())
    socket.setEncoding('utf8').on('data', (text: string) => this.#take(text))
    socket.on('end', () => this.#onEnd())
    socket.on('drain', () => socket.resume())
    // Node counts the bytes that the kernel has taken, even during a write (test/control/input.test.ts).
    socket.setTimeout(stalledMs, () => socket.writableLength > 0 && socket.destroy())
    for (const id of carried?.watching ?? []) this.#watch(id)
    this.#restIfIdle()
  }

  /** Answers with `why`, ignores further requests, and closes the connection. */
  refuse(why: HandoverError): void {
    this.#say({ id: null, ...failureOf(why) })
    this.#isOver = true
    this.#socket.end()
    // After an immediate close, a write of the client would fail before it has read the reason.
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => this.#socket.destroy(), refusedMs).unref()
  }

  /** What another process needs to go on; `undefined` while something else than a watch is answered here. */
  carry(): CarriedClient | undefined {
    const { destroyed, writableLength, writable } = this.#socket
    const isQuiet = !destroyed && !this.#isOver && writable && writableLength === 0
    if (this.#active > this.#watching.size || !isQuiet) return undefined
    return { watching: [...this.#watching.keys()], pending: this.#pending }
  }

  get socket(): net.Socket {
    return this.#socket
  }

  /** It goes on elsewhere, or not at all: nothing more is said to it here. */
  leave(): void {
    this.#isOver = true
    this.#forget()
  }

  /** Resolves when all that was said is with the kernel, or cannot be. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.writable) this.#socket.write('', () => resolve())
      else resolve()
    })
  }

  #take(text: string): void {
    if (this.#isOver) return
    const lines = (this.#pending + text).split('\n')
    this.#pending = lines.pop() ?? ''
    for (const line of lines) {
      if (this.#isOver) return
      if (line.length > longestLine) this.#refuseLine()
      else if (line.trim() !== '') this.#onLine(line)
    }
    if (this.#pending.length > longestLine) this.#refuseLine()
  }

  #refuseLine(): void {
    this.refuse(invalidRequest(`a line has at most ${longestLine} characters`))
  }

  #onLine(line: string): void {
    let request: ControlRequest
    try {
      request = readRequest(line)
      if (this.#active >= mostActive)
        throw busy(`answers ${mostActive} requests of this client already`, request.id)
    } catch (error) {
      this.#say({ id: (error as HandoverError).id ?? null, ...failureOf(error) })
      return
    }
    const { id, request: verb } = request
    if (verb === 'watch') this.#watch(id)
    else void this.#answer(id, () => this.#answers[verb](request))
  }

  async #answer(id: RequestId, answer: () => Promise<ControlAnswer>): Promise<void> {
    this.#begin()
    const alive = setInterval(() => this.#tell({ id, event: 'alive' }), aliveMs).unref()
    try {
      this.#say({ id, ...(await answer()) })
    } catch (error) {
      this.#say({ id, ...failureOf(error) })
    } finally {
      clearInterval(alive)
      this.#active--
      this.#restIfIdle()
    }
  }

  #reload({ id, wait = true }: ControlRequest): Promise<ReloadSummary> {
    const { proven, drained } = this.#controlled.reload((event) => this.#tell({ id, ...event }))
    // Only one of them is waited for.
    proven.catch(() => {})
    drained.catch(() => {})
    return wait ? drained : proven
  }

  /** Tells the status now, whenever it changes, and every second. */
  #watch(id: RequestId): void {
    if (this.#watching.has(id)) return
    let soon: NodeJS.Timeout | undefined
    const tell = async () => {
      soon = undefined
      const status = await this.#controlled.status()
      if (this.#watching.has(id)) this.#tell({ id, event: 'status', status })
    }
    const tellIfItCan = () => void tell().catch((error: unknown) => this.#say({ id, ...failureOf(error) }))
    const timer = setInterval(tellIfItCan, watchMs).unref()
    const unsubscribe = this.#controlled.subscribe(() => {
      soon ??= setTimeout(tellIfItCan, changeMs).unref()
    })
    this.#begin()
    this.#watching.set(id, () => {
      clearInterval(timer)
      clearTimeout(soon)
      unsubscribe()
    })
    tellIfItCan()
  }

  #say(line: ControlLine): void {
    const socket = this.#socket
    if (this.#isOver || !socket.writable) return
    socket.write(`${JSON.stringify(line)}\n`)
    if (socket.writableLength > mostUnread) socket.pause()
  }

  /** Sends an event. It may be dropped: the next one has the same facts. */
  #tell(line: ControlLine): void {
    if (this.#socket.writableLength <= mostUnread) this.#say(line)
  }

  #begin(): void {
    this.#active++
    clearTimeout(this.#idle)
  }

  /** Bytes alone are no reason to keep it: a line that never ends would hold a place for ever. */
  #restIfIdle(): void {
    if (this.#active > 0 || this.#isOver || this.#socket.destroyed) return
    if (this.#socket.readableEnded) this.#socket.end()
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => this.#socket.destroy(), idleMs).unref()
  }

  /** It says nothing more; what it asked for is still answered. */
  #onEnd(): void {
    if (this.#pending.trim() !== '') this.#take('\n')
    if (this.#active === 0) this.#socket.end()
  }

  #forget(): void {
    clearTimeout(this.#idle)
    for (const stop of this.#watching.values()) stop()
    this.#watching.clear()
  }
}
