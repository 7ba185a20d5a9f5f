/**
 * What the application does with a WebSocket that is leaving, or has left: it is kept, in order. If the WebSocket
 * stays after all it is done here, and if it has gone, by the successor; each of it once.
 */
import type { Passage } from '@handover/core'
import { replace } from './ws-internals.js'
import { closed, type WebSocketLike } from './ws-types.js'

/** What the successor is asked to do. */
export type Order =
  | {
      readonly do: 'send'
      readonly data: string | Uint8Array
      readonly binary: boolean
      readonly fin: boolean
    }
  | { readonly do: 'ping' | 'pong'; readonly data: string | Uint8Array }
  | { readonly do: 'close'; readonly code: number | undefined; readonly reason: string | undefined }

/** One call of the application. */
interface Call {
  readonly method: 'send' | 'ping' | 'pong' | 'pause' | 'resume'
  readonly args: readonly unknown[]
}

type Callback = (error?: Error) => void

export class CallRecorder {
  readonly #websocket: WebSocketLike
  readonly #stay: () => void
  readonly #putBack: () => void
  readonly #calls: Call[] = []
  /** The fragments of a message that is not complete: they go together, so that nothing gets between them. */
  readonly #message: Order[] = []
  #passage: Passage | undefined
  /** Something that takes time is on its way: what comes later waits for it. */
  #last: Promise<void> | undefined
  #closed = false

  /** From now on nothing reaches the connection. `stay` is called when the application ends the WebSocket itself. */
  constructor(websocket: WebSocketLike, stay: () => void) {
    this.#websocket = websocket
    this.#stay = stay
    const take = (method: Call['method']) => ({ value: (...args: unknown[]) => this.#take({ method, args }) })
    this.#putBack = replace(websocket, {
      send: take('send'),
      ping: take('ping'),
      pong: take('pong'),
      pause: take('pause'),
      resume: take('resume'),
      close: { value: (code?: number, reason?: string | Buffer) => this.#close(code, reason) },
      terminate: { value: () => this.#terminate() },
    })
  }

  /** The WebSocket stays: everything is done here. */
  stay(): void {
    this.#putBack()
    for (const { method, args } of this.#calls.splice(0)) invoke(this.#websocket, method, args)
  }

  /** The WebSocket has gone: everything is done there. */
  leave(passage: Passage): void {
    this.#passage = passage
    for (const call of this.#calls.splice(0)) this.#forward(call)
  }

  #take(call: Call): void {
    if (!this.#passage) this.#calls.push(call)
    else this.#forward(call)
  }

  #forward({ method, args }: Call): void {
    if (method === 'pause' || method === 'resume') return
    const callback = args.find((each) => typeof each === 'function') as Callback | undefined
    if (this.#closed) {
      if (callback) process.nextTick(callback, new Error('WebSocket is not open'))
      return
    }
    const [data, options] = args
    const binary = typeof data !== 'string' && typeof data !== 'number'
    const order = (bytes: string | Uint8Array): Order =>
      method === 'send'
        ? { do: method, data: bytes, ...sendOptions(options, binary) }
        : { do: method, data: bytes }
    if (data instanceof Blob || this.#last) this.#forwardLater(data, order, callback)
    else this.#pass(order(bytesOf(data)), callback)
  }

  #forwardLater(data: unknown, order: (bytes: string | Uint8Array) => Order, callback?: Callback): void {
    const bytes = data instanceof Blob ? data.arrayBuffer().then(bytesOf) : bytesOf(data)
    this.#last = Promise.all([bytes, this.#last]).then(
      ([ready]) => this.#pass(order(ready), callback),
      (error) => callback?.(error),
    )
  }

  #pass(order: Order, callback?: Callback): void {
    if (order.do !== 'send') this.#passage?.send([order])
    else {
      this.#message.push(order)
      if (order.fin) this.#passage?.send(this.#message.splice(0))
    }
    if (callback) process.nextTick(callback)
  }

  #close(code?: number, reason?: string | Buffer): void {
    if (!this.#passage) {
      this.#stay()
      this.#websocket.close(code, reason)
      return
    }
    if (this.#closed) return
    const order: Order = { do: 'close', code, reason: reason?.toString() }
    if (this.#last) this.#last = this.#last.then(() => this.#pass(order))
    else this.#pass(order)
    this.#end(code ?? 1005, reason)
  }

  /** What has gone cannot be cut from here, and a timer that took silence for death must not end it there. */
  #terminate(): void {
    if (this.#passage) {
      if (!this.#closed) this.#end(1006)
      return
    }
    this.#stay()
    invoke(this.#websocket, 'terminate', [])
  }

  /** For the application here it is over. */
  #end(code: number, reason: string | Buffer = ''): void {
    this.#closed = true
    replace(this.#websocket, { readyState: { value: closed } })
    process.nextTick(() => this.#websocket.emit('close', code, Buffer.from(reason)))
  }
}

/** Does what the application of the predecessor wanted. */
export function carryOut(websocket: WebSocketLike, orders: readonly Order[]): void {
  for (const order of orders) {
    if (order.do === 'send') websocket.send(order.data, { binary: order.binary, fin: order.fin })
    else if (order.do === 'close') websocket.close(order.code, order.reason)
    else websocket[order.do](order.data)
  }
}

const invoke = (websocket: WebSocketLike, method: string, args: readonly unknown[]): void =>
  (websocket as unknown as Record<string, (...args: unknown[]) => void>)[method]?.(...args)

function sendOptions(given: unknown, binary: boolean): { binary: boolean; fin: boolean } {
  const options = { binary, fin: true, ...(typeof given === 'object' ? given : {}) }
  return { binary: Boolean(options.binary), fin: Boolean(options.fin) }
}

/** A copy: the application may use its buffer again. */
function bytesOf(data: unknown): string | Uint8Array {
  if (typeof data === 'string') return data
  if (typeof data === 'number') return String(data)
  if (ArrayBuffer.isView(data)) return Buffer.from(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
  return data ? Buffer.from(Buffer.from(data as ArrayBuffer)) : Buffer.alloc(0)
}
