/** One client of a control socket. Nothing that a client sends, or does not read, affects the others. */
import type net from 'node:net'
import type { HandoverError } from '../base/errors.js'
import {
  busy,
  type ControlAnswer,
  type ControlEvent,
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

/** The longest line of a client, in characters. */
export const maxLineLength = 64 * 1024
/** How long a client may stay connected without a pending request. */
const idleMs = 30_000
/** How many bytes may wait for a client. Beyond this, the service reads no requests of the client and drops events. */
const maxUnreadBytes = 1024 * 1024
/** How long a client may read nothing while data waits for it. The size of an answer is not limited. */
const stalledMs = 10_000
/** How long a refused client may take to read the reason. */
const refusedMs = 1_000
const maxPending = 16
/** How often to send the status to a client that watches, changed or not. */
const watchMs = 1_000
/** How often to send `alive` to a client that waits for an answer. */
const aliveMs = 1_000
/** How long to wait before sending a changed status, so that several changes share one event. */
const changeMs = 100

/** The data with which another process continues to serve a client. */
export interface CarriedClient {
  /** The ids of the client's `watch` requests. */
  readonly watching: readonly RequestId[]
  /** The part of the next line that has arrived. */
  readonly pending: string
}

type Answer = (request: ControlRequest) => Promise<ControlAnswer>

export class ClientConnection {
  readonly socket: net.Socket
  readonly #controlled: Controlled
  readonly #watching = new Map<RequestId, () => void>()
  #pending: string
  #active = 0
  #idleTimer: NodeJS.Timeout | undefined
  #isDone = false
  readonly #answers: Readonly<Record<Exclude<ControlVerb, 'watch'>, Answer>> = {
    status: async () => ({ ok: true, status: await this.#controlled.status() }),
    reload: async (request) => ({ ok: true, reload: await this.#reload(request) }),
    scale: async ({ id, workers = 1 }) => {
      const progress = (event: ControlEvent) => this.#writeEvent({ id, ...event })
      return { ok: true, scale: await this.#controlled.scale(workers, progress) }
    },
    stop: async ({ id }) => {
      return { ok: true, stop: await this.#controlled.stop((event) => this.#writeEvent({ id, ...event })) }
    },
  }

  constructor(socket: net.Socket, controlled: Controlled, carried?: CarriedClient) {
    this.socket = socket
    this.#controlled = controlled
    this.#pending = carried?.pending ?? ''
    // A client does not keep the process running.
    socket.unref()
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#stopWatching())
    socket.setEncoding('utf8').on('data', (text: string) => this.#read(text))
    socket.on('end', () => this.#onEnd())
    socket.on('drain', () => socket.resume())
    // Node counts the bytes that the kernel has taken, even during a write (test/control/input.test.ts).
    socket.setTimeout(stalledMs, () => socket.writableLength > 0 && socket.destroy())
    for (const id of carried?.watching ?? []) this.#watch(id)
    this.#startIdleTimer()
  }

  /** Answers with `why`, ignores further requests, and closes the connection. */
  refuse(why: HandoverError): void {
    this.#write({ id: null, ...failureOf(why) })
    this.#isDone = true
    this.socket.end()
    // If the socket closed at once, a write by the client could fail before the client reads the reason.
    clearTimeout(this.#idleTimer)
    this.#idleTimer = setTimeout(() => this.socket.destroy(), refusedMs).unref()
  }

  /** Returns the data for another process; `undefined` while a request other than `watch` is pending. */
  carry(): CarriedClient | undefined {
    const { destroyed, writableLength, writable } = this.socket
    const isQuiet = !destroyed && !this.#isDone && writable && writableLength === 0
    if (this.#active > this.#watching.size || !isQuiet) return undefined
    return { watching: [...this.#watching.keys()], pending: this.#pending }
  }

  /** This process sends nothing more to the client. Another process may continue. */
  leave(): void {
    this.#isDone = true
    this.#stopWatching()
  }

  /** Resolves when the kernel has taken all output, or cannot. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      if (this.socket.writable) this.socket.write('', () => resolve())
      else resolve()
    })
  }

  #read(text: string): void {
    if (this.#isDone) return
    const lines = (this.#pending + text).split('\n')
    this.#pending = lines.pop() ?? ''
    for (const line of lines) {
      if (this.#isDone) return
      if (line.length > maxLineLength) this.#refuseLine()
      else if (line.trim() !== '') this.#onLine(line)
    }
    if (this.#pending.length > maxLineLength) this.#refuseLine()
  }

  #refuseLine(): void {
    this.refuse(invalidRequest(`a line has at most ${maxLineLength} characters`))
  }

  #onLine(line: string): void {
    let request: ControlRequest
    try {
      request = readRequest(line)
      if (this.#active >= maxPending)
        throw busy(`already answers ${maxPending} requests of this client`, request.id)
    } catch (error) {
      this.#write({ id: (error as HandoverError).id ?? null, ...failureOf(error) })
      return
    }
    const { id, request: verb } = request
    if (verb === 'watch') this.#watch(id)
    else void this.#answer(id, () => this.#answers[verb](request))
  }

  async #answer(id: RequestId, answer: () => Promise<ControlAnswer>): Promise<void> {
    this.#beginRequest()
    const alive = setInterval(() => this.#writeEvent({ id, event: 'alive' }), aliveMs).unref()
    try {
      this.#write({ id, ...(await answer()) })
    } catch (error) {
      this.#write({ id, ...failureOf(error) })
    } finally {
      clearInterval(alive)
      this.#active--
      this.#startIdleTimer()
    }
  }

  #reload({ id, wait = true }: ControlRequest): Promise<ReloadSummary> {
    const { proven, drained } = this.#controlled.reload((event) => this.#writeEvent({ id, ...event }))
    // Only one of them is awaited. A rejection of the other must not be unhandled.
    proven.catch(() => {})
    drained.catch(() => {})
    return wait ? drained : proven
  }

  /** Sends the status now, after changes, and every second. */
  #watch(id: RequestId): void {
    if (this.#watching.has(id)) return
    let soon: NodeJS.Timeout | undefined
    const sendStatus = async () => {
      soon = undefined
      try {
        const status = await this.#controlled.status()
        if (this.#watching.has(id)) this.#writeEvent({ id, event: 'status', status })
      } catch (error) {
        this.#write({ id, ...failureOf(error) })
      }
    }
    const timer = setInterval(sendStatus, watchMs).unref()
    const unsubscribe = this.#controlled.subscribe(() => {
      soon ??= setTimeout(sendStatus, changeMs).unref()
    })
    this.#beginRequest()
    this.#watching.set(id, () => {
      clearInterval(timer)
      clearTimeout(soon)
      unsubscribe()
    })
    void sendStatus()
  }

  #write(line: ControlLine): void {
    const socket = this.socket
    if (this.#isDone || !socket.writable) return
    socket.write(`${JSON.stringify(line)}\n`)
    if (socket.writableLength > maxUnreadBytes) socket.pause()
  }

  /** Drops the event if too much output waits: a later event has the same facts. */
  #writeEvent(line: ControlLine): void {
    if (this.socket.writableLength <= maxUnreadBytes) this.#write(line)
  }

  #beginRequest(): void {
    this.#active++
    clearTimeout(this.#idleTimer)
  }

  /** Only a complete request extends the limit. A line that never ends would otherwise keep its connection forever. */
  #startIdleTimer(): void {
    if (this.#active > 0 || this.#isDone || this.socket.destroyed) return
    if (this.socket.readableEnded) this.socket.end()
    clearTimeout(this.#idleTimer)
    this.#idleTimer = setTimeout(() => this.socket.destroy(), idleMs).unref()
  }

  /** The client sends nothing more. It still gets the pending answers. */
  #onEnd(): void {
    if (this.#pending.trim() !== '') this.#read('\n')
    if (this.#active === 0) this.socket.end()
  }

  #stopWatching(): void {
    clearTimeout(this.#idleTimer)
    for (const stop of this.#watching.values()) stop()
    this.#watching.clear()
  }
}
