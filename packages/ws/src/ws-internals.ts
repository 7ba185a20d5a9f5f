/**
 * Only this file and deflate-internals.ts use private parts of `ws`. They show where a message ends, and create a WebSocket on a connection
 * whose handshake is complete. {@link probe} checks them first, on an unconnected socket. If a part is missing,
 * WebSockets close with 1012 instead of moving.
 */
import { IncomingMessage } from 'node:http'
import net from 'node:net'
import type { Writable } from 'node:stream'
import {
  createDeflate,
  type DeflateParameters,
  firstMissingDeflate,
  isDeflateOn,
  releaseDeflate,
  sampleParameters,
} from './deflate-internals.js'
import { open, type WebSocketLike, type WebSocketServerLike } from './ws-types.js'

interface Receiver extends Writable {
  readonly _state: number
  readonly _loop: boolean
  readonly _bufferedBytes: number
  readonly _fragmented: number
  readonly _fragments: readonly unknown[]
  readonly _maxPayload: number
}

interface Sender {
  /** Since ws 8.18; earlier versions have `_deflating`. */
  readonly _state?: number
  readonly _deflating?: boolean
  readonly _bufferedBytes: number
  readonly _queue: readonly unknown[]
  readonly _firstFragment: boolean
}

interface SocketInternals {
  readonly _receiver: Receiver
  readonly _sender: Sender
}

interface ServerInternals<Socket> {
  readonly _state: number
  completeUpgrade(
    extensions: object,
    key: string,
    protocols: ReadonlySet<string>,
    request: IncomingMessage,
    socket: net.Socket,
    head: Buffer,
    callback: (socket: Socket) => void,
  ): void
}

const internalsOf = (websocket: WebSocketLike) => websocket as unknown as SocketInternals

const events = ['close', 'data', 'end', 'error'] as const
type Listener = (...args: unknown[]) => void
type Listeners = Readonly<Record<(typeof events)[number], readonly Listener[]>>
const noListeners: Listeners = { close: [], data: [], end: [], error: [] }

/** The private parts that this version of `ws` has. */
export interface Capabilities {
  /** The first private part that this version lacks. If there is one, no part may be used. */
  readonly missing: string | undefined
  /** The first part that compressed WebSockets lack. If there is one, they cannot move. */
  readonly missingDeflate: string | undefined
  /** The listeners that `ws` adds to each connection: always the same functions. */
  readonly listeners: Listeners
}

/** Checks the version of `ws` that `wss` belongs to. Changes nothing. */
export function probe<Socket extends WebSocketLike>(wss: WebSocketServerLike<Socket>): Capabilities {
  let listeners = noListeners
  const missing = tryOut(wss, undefined, (websocket, own) => {
    listeners = own
    return firstMissing(websocket, wss, own)
  })
  // The first compression that `ws` creates sets a limit for the process: create none for a server without compression.
  const missingDeflate = isDeflateOn(wss)
    ? tryOut(wss, sampleParameters, (websocket) => {
        const { _receiver, _sender } = internalsOf(websocket)
        return firstMissingDeflate(websocket, [_receiver, _sender])
      })
    : 'perMessageDeflate'
  return { missing, missingDeflate, listeners }
}

/** Adopts an unconnected socket and returns the part that `check` misses. Leaves no trace. */
function tryOut<Socket extends WebSocketLike>(
  wss: WebSocketServerLike<Socket>,
  deflate: DeflateParameters | undefined,
  check: (websocket: Socket, listeners: Listeners) => string | undefined,
): string | undefined {
  const socket = new net.Socket()
  const before = listenersOf(socket)
  try {
    const websocket = adopt(wss, socket, new IncomingMessage(socket), '', deflate)
    const after = listenersOf(socket)
    const listeners = Object.fromEntries(
      events.map((event) => [event, after[event].filter((each) => !before[event].includes(each))]),
    ) as unknown as Listeners
    const missing = check(websocket, listeners)
    detach(websocket, socket, listeners)
    for (const forget of websocket.listeners('close')) forget.call(websocket)
    return missing
  } catch (error) {
    return String(error)
  } finally {
    socket.destroy()
  }
}

function firstMissing<Socket extends WebSocketLike>(
  websocket: Socket,
  wss: WebSocketServerLike<Socket>,
  listeners: Listeners,
): string | undefined {
  const { _receiver: receiver, _sender: sender } = internalsOf(websocket)
  const { maxPayload } = wss.options as { maxPayload?: number }
  const isPresent: Record<string, boolean> = {
    'the state of the receiver': receiver._state === 0 && receiver._loop === false,
    'the data that the receiver has read':
      receiver._bufferedBytes === 0 && typeof receiver.writableLength === 'number',
    'the fragments of the receiver': receiver._fragmented === 0 && Array.isArray(receiver._fragments),
    'the limit for messages': receiver._maxPayload === Number(maxPayload),
    'the state of the sender': sender._state === 0 || sender._deflating === false,
    'the queue of the sender': sender._bufferedBytes === 0 && Array.isArray(sender._queue),
    'the fragments of the sender': sender._firstFragment === true,
    'one listener for each event': events.every((event) => listeners[event].length === 1),
    'an open WebSocket': websocket.readyState === open && websocket.isPaused === false,
  }
  return Object.keys(isPresent).find((name) => !isPresent[name])
}

/**
 * Creates a WebSocket on a connection whose handshake the predecessor has completed. It has the options of `wss` and
 * is one of its clients. Throws if `wss` is closed.
 */
export function adopt<Socket extends WebSocketLike>(
  wss: WebSocketServerLike<Socket>,
  socket: net.Socket,
  request: IncomingMessage,
  protocol: string,
  deflate?: DeflateParameters,
): Socket {
  const internals = wss as unknown as ServerInternals<Socket>
  if (internals._state !== 0) throw new Error('the WebSocketServer is closed')
  const protocols = new Set(protocol === '' ? [] : [protocol])
  const extensions = deflate ? createDeflate(wss, deflate) : {}
  const created: Socket[] = []
  // The client has the handshake response already, so neither `write` nor the event 'headers' may run again.
  withMethod(
    socket,
    'write',
    () => true,
    () =>
      withMethod(
        wss,
        'emit',
        () => false,
        () =>
          internals.completeUpgrade(
            extensions,
            '',
            protocols,
            request,
            socket,
            Buffer.alloc(0),
            (websocket) => {
              created.push(websocket)
            },
          ),
      ),
  )
  if (!created[0]) throw new Error('ws did not create a WebSocket on the connection')
  return created[0]
}

/** Whether no message is half-received, half-sent, being compressed or decompressed, or buffered in this process. */
export function isAtBoundary(websocket: WebSocketLike, socket: net.Socket): boolean {
  const { _receiver: receiver, _sender: sender } = internalsOf(websocket)
  const received =
    receiver._state === 0 &&
    !receiver._loop &&
    receiver._bufferedBytes === 0 &&
    receiver._fragmented === 0 &&
    receiver._fragments.length === 0 &&
    receiver.writableLength === 0 &&
    !receiver.writableNeedDrain
  const isIdle = sender._state === undefined ? !sender._deflating : sender._state === 0
  const sent = isIdle && sender._bufferedBytes === 0 && sender._queue.length === 0
  return received && sent && isBetweenMessages(websocket) && isQuiet(socket) && !websocket.isPaused
}

/** Whether the sender is not in the middle of a fragmented message. */
export const isBetweenMessages = (websocket: WebSocketLike): boolean =>
  internalsOf(websocket)._sender._firstFragment

const isQuiet = (socket: net.Socket): boolean =>
  !socket.destroyed &&
  socket.readable &&
  socket.writable &&
  socket.readableLength === 0 &&
  socket.writableLength === 0 &&
  !socket.writableNeedDrain

/** Detaches an idle WebSocket from its connection: later events of the connection do not reach it. */
export function detach(websocket: WebSocketLike, socket: net.Socket, listeners: Listeners): void {
  for (const event of events) for (const each of listeners[event]) socket.removeListener(event, each)
  socket.on('error', () => {})
  releaseDeflate(websocket)
}

const listenersOf = (socket: net.Socket): Listeners =>
  Object.fromEntries(events.map((event) => [event, socket.listeners(event)])) as unknown as Listeners

/** Runs `work` while `replacement` replaces a method of `target`. */
export function withMethod(
  target: object,
  method: string,
  replacement: Listener | (() => unknown),
  work: () => void,
): void {
  const restore = replace(target, { [method]: { value: replacement } })
  try {
    work()
  } finally {
    restore()
  }
}

/** Defines properties on `target`. Returns a function that restores the previous ones. */
export function replace(target: object, properties: PropertyDescriptorMap): () => void {
  const before = Object.keys(properties).map(
    (name) => [name, Object.getOwnPropertyDescriptor(target, name)] as const,
  )
  for (const [name, property] of Object.entries(properties)) {
    Object.defineProperty(target, name, { ...property, configurable: true })
  }
  return () => {
    for (const [name, property] of before) {
      if (property) Object.defineProperty(target, name, property)
      else Reflect.deleteProperty(target, name)
    }
  }
}
