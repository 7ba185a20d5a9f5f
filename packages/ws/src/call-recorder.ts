/**
 * Records, in order, the application's calls on a WebSocket that is about to move. If the WebSocket stays, the recorder
 * replays the calls here. If it moves, the recorder forwards them to the successor. Either way each call runs once.
 */
import type { FollowUpChannel } from '@handover/core'
import { replace } from './ws-internals.js'
import { closed, type WebSocketLike } from './ws-types.js'

/** A call that the successor replays. */
export type RecordedCall =
  | {
      readonly do: 'send'
      readonly data: string | Uint8Array
      readonly binary: boolean
      readonly fin: boolean
      readonly compress: boolean
    }
  | { readonly do: 'ping' | 'pong'; readonly data: string | Uint8Array }
  | { readonly do: 'close'; readonly code: number | undefined; readonly reason: string | undefined }

/** A call of the application. */
interface Call {
  readonly method: 'send' | 'ping' | 'pong' | 'pause' | 'resume'
  readonly args: readonly unknown[]
}

type Callback = (error?: Error) => void

export class CallRecorder {
  readonly #websocket: WebSocketLike
  readonly #cancelMove: () => void
  readonly #restoreMethods: () => void
  readonly #calls: Call[] = []
  /** The fragments of an incomplete message. The recorder forwards them together, with no other call between them. */
  readonly #fragments: RecordedCall[] = []
  #followUps: FollowUpChannel | undefined
  /** Resolves when a Blob has been read. Later calls wait for it. */
  #last: Promise<void> | undefined
  #closed = false

  /** From now on no call reaches the connection. `cancelMove` is called when the application ends the WebSocket. */
  constructor(websocket: WebSocketLike, cancelMove: () => void) {
    this.#websocket = websocket
    this.#cancelMove = cancelMove
    const record = (method: Call['method']) => ({
      value: (...args: unknown[]) => this.#record({ method, args }),
    })
    this.#restoreMethods = replace(websocket, {
      send: record('send'),
      ping: record('ping'),
      pong: record('pong'),
      pause: record('pause'),
      resume: record('resume'),
      close: { value: (code?: number, reason?: string | Buffer) => this.#close(code, reason) },
      terminate: { value: () => this.#terminate() },
    })
  }

  /** The WebSocket stays: runs the recorded calls, and later ones, here. */
  replayHere(): void {
    this.#restoreMethods()
    for (const { method, args } of this.#calls.splice(0)) invoke(this.#websocket, method, args)
  }

  /** The WebSocket has moved: sends the recorded calls, and later ones, to the successor. */
  forward(followUps: FollowUpChannel): void {
    this.#followUps = followUps
    for (const call of this.#calls.splice(0)) this.#forward(call)
  }

  #record(call: Call): void {
    if (!this.#followUps) this.#calls.push(call)
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
    const recorded = (bytes: string | Uint8Array): RecordedCall =>
      method === 'send'
        ? { do: method, data: bytes, ...sendOptions(options, binary) }
        : { do: method, data: bytes }
    if (data instanceof Blob || this.#last) this.#forwardLater(data, recorded, callback)
    else this.#send(recorded(bytesOf(data)), callback)
  }

  #forwardLater(
    data: unknown,
    recorded: (bytes: string | Uint8Array) => RecordedCall,
    callback?: Callback,
  ): void {
    const bytes = data instanceof Blob ? data.arrayBuffer().then(bytesOf) : bytesOf(data)
    this.#last = Promise.all([bytes, this.#last]).then(
      ([ready]) => this.#send(recorded(ready), callback),
      (error) => callback?.(error),
    )
  }

  #send(call: RecordedCall, callback?: Callback): void {
    if (call.do !== 'send') this.#followUps?.send([call])
    else {
      this.#fragments.push(call)
      if (call.fin) this.#followUps?.send(this.#fragments.splice(0))
    }
    if (callback) process.nextTick(callback)
  }

  #close(code?: number, reason?: string | Buffer): void {
    if (!this.#followUps) {
      this.#cancelMove()
      this.#websocket.close(code, reason)
      return
    }
    if (this.#closed) return
    const call: RecordedCall = { do: 'close', code, reason: reason?.toString() }
    if (this.#last) this.#last = this.#last.then(() => this.#send(call))
    else this.#send(call)
    this.#end(code ?? 1005, reason)
  }

  /** A keep-alive timer in this process gets no pong from a moved WebSocket. It must not end it in the successor. */
  #terminate(): void {
    if (this.#followUps) {
      if (!this.#closed) this.#end(1006)
      return
    }
    this.#cancelMove()
    invoke(this.#websocket, 'terminate', [])
  }

  /** Makes the WebSocket appear closed to the application in this process. */
  #end(code: number, reason: string | Buffer = ''): void {
    this.#closed = true
    replace(this.#websocket, { readyState: { value: closed } })
    process.nextTick(() => this.#websocket.emit('close', code, Buffer.from(reason)))
  }
}

/** Runs calls that the application made in the predecessor. */
export function replay(websocket: WebSocketLike, calls: readonly RecordedCall[]): void {
  for (const call of calls) {
    switch (call.do) {
      case 'send':
        websocket.send(call.data, { binary: call.binary, fin: call.fin, compress: call.compress })
        break
      case 'ping':
      case 'pong':
        websocket[call.do](call.data)
        break
      case 'close':
        websocket.close(call.code, call.reason)
        break
      default:
        call satisfies never
    }
  }
}

const invoke = (websocket: WebSocketLike, method: string, args: readonly unknown[]): void =>
  (websocket as unknown as Record<string, (...args: unknown[]) => void>)[method]?.(...args)

function sendOptions(given: unknown, binary: boolean) {
  const options = { binary, fin: true, compress: true, ...(typeof given === 'object' ? given : {}) }
  return {
    binary: Boolean(options.binary),
    fin: Boolean(options.fin),
    compress: Boolean(options.compress),
  }
}

/** Copies the data, because the application may reuse its buffer. */
function bytesOf(data: unknown): string | Uint8Array {
  if (typeof data === 'string') return data
  if (typeof data === 'number') return String(data)
  if (ArrayBuffer.isView(data)) return Buffer.from(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
  return data ? Buffer.from(Buffer.from(data as ArrayBuffer)) : Buffer.alloc(0)
}
