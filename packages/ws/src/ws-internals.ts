/**
 * The one door to what `ws` keeps private: where a message ends, and how a WebSocket begins on a connection whose
 * handshake is over. It is tried out on a socket that is connected to nobody before any of it is used: where
 * something is missing, WebSockets are closed politely instead of moved.
 */
import { IncomingMessage } from 'node:http'
import net from 'node:net'
import type { Writable } from 'node:stream'
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
  /** Since 8.18; before, `_deflating`. */
  readonly _state?: number
  readonly _deflating?: boolean
  readonly _bufferedBytes: number
  readonly _queue: readonly unknown[]
  readonly _firstFragment: boolean
}

interface SocketInside {
  readonly _receiver: Receiver
  readonly _sender: Sender
}

interface ServerInside<Socket> {
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

const insideOf = (websocket: WebSocketLike) => websocket as unknown as SocketInside

const events = ['close', 'data', 'end', 'error'] as const
type Listener = (...args: unknown[]) => void
type Listeners = Readonly<Record<(typeof events)[number], readonly Listener[]>>

/** What this version of `ws` can do. */
export interface Abilities {
  /** What is not there; then nothing of the rest may be used. */
  readonly missing: string | undefined
  /** What `ws` listens to on the connection of each WebSocket: always the same functions. */
  readonly listeners: Listeners
}

/** Tries out what is needed of the version of `ws` that `wss` is of. Changes nothing. */
export function tryOut<Socket extends WebSocketLike>(wss: WebSocketServerLike<Socket>): Abilities {
  const socket = new net.Socket()
  const before = listenersOf(socket)
  try {
    const websocket = adopt(wss, socket, new IncomingMessage(socket), '')
    const after = listenersOf(socket)
    const listeners = Object.fromEntries(
      events.map((event) => [event, after[event].filter((each) => !before[event].includes(each))]),
    ) as unknown as Listeners
    detach(socket, listeners)
    for (const forget of websocket.listeners('close')) forget.call(websocket)
    return { missing: whatIsMissing(websocket, wss, listeners), listeners }
  } catch (error) {
    return { missing: String(error), listeners: before }
  } finally {
    socket.destroy()
  }
}

function whatIsMissing<Socket extends WebSocketLike>(
  websocket: Socket,
  wss: WebSocketServerLike<Socket>,
  listeners: Listeners,
): string | undefined {
  const { _receiver: receiver, _sender: sender } = insideOf(websocket)
  const { maxPayload } = wss.options as { maxPayload?: number }
  const there: Record<string, boolean> = {
    'the state of its receiver': receiver._state === 0 && receiver._loop === false,
    'what its receiver has read':
      receiver._bufferedBytes === 0 && typeof receiver.writableLength === 'number',
    'the fragments of its receiver': receiver._fragmented === 0 && Array.isArray(receiver._fragments),
    'its limit of messages': receiver._maxPayload === Number(maxPayload),
    'the state of its sender': sender._state === 0 || sender._deflating === false,
    'what its sender has to send': sender._bufferedBytes === 0 && Array.isArray(sender._queue),
    'the fragments of its sender': sender._firstFragment === true,
    'one listener for each event': events.every((event) => listeners[event].length === 1),
    'an open WebSocket': websocket.readyState === open && websocket.isPaused === false,
  }
  return Object.keys(there).find((name) => !there[name])
}

/**
 * Makes a WebSocket of a connection whose handshake was done elsewhere. It is one of `wss`: all of its options
 * apply, and it is among its clients. Throws where `wss` is closed.
 */
export function adopt<Socket extends WebSocketLike>(
  wss: WebSocketServerLike<Socket>,
  socket: net.Socket,
  request: IncomingMessage,
  protocol: string,
): Socket {
  const inside = wss as unknown as ServerInside<Socket>
  if (inside._state !== 0) throw new Error('its WebSocketServer is closed')
  const protocols = new Set(protocol === '' ? [] : [protocol])
  const made: Socket[] = []
  // The answer to the handshake is with the client already, and whoever changes its headers has changed them.
  instead(
    socket,
    'write',
    () => true,
    () =>
      instead(
        wss,
        'emit',
        () => false,
        () =>
          inside.completeUpgrade({}, '', protocols, request, socket, Buffer.alloc(0), (websocket) => {
            made.push(websocket)
          }),
      ),
  )
  if (!made[0]) throw new Error('ws did not take the connection')
  return made[0]
}

/** Whether nothing is half-received, half-sent, or on its way through this process. */
export function isAtBoundary(websocket: WebSocketLike, socket: net.Socket): boolean {
  const { _receiver: receiver, _sender: sender } = insideOf(websocket)
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

/** Whether no message of several fragments is being sent. */
export const isBetweenMessages = (websocket: WebSocketLike): boolean =>
  insideOf(websocket)._sender._firstFragment

const isQuiet = (socket: net.Socket): boolean =>
  !socket.destroyed &&
  socket.readable &&
  socket.writable &&
  socket.readableLength === 0 &&
  socket.writableLength === 0 &&
  !socket.writableNeedDrain

/** What becomes of the connection is nothing to its WebSocket any more, which stays as it is. */
export function detach(socket: net.Socket, listeners: Listeners): void {
  for (const event of events) for (const each of listeners[event]) socket.removeListener(event, each)
  socket.on('error', () => {})
}

const listenersOf = (socket: net.Socket): Listeners =>
  Object.fromEntries(events.map((event) => [event, socket.listeners(event)])) as unknown as Listeners

/** Runs `work` while `target` has `replacement` in the place of one of its methods. */
export function instead(
  target: object,
  method: string,
  replacement: Listener | (() => unknown),
  work: () => void,
): void {
  const putBack = replace(target, { [method]: { value: replacement } })
  try {
    work()
  } finally {
    putBack()
  }
}

/** Gives `target` properties of its own in the place of others; returns the way back. */
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
