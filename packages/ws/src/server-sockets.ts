/** The WebSockets of one WebSocketServer. */
import { IncomingMessage } from 'node:http'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import { type Arrival, makeConnectionMovable, surroundings } from '@handover/core'
import { carryOut, type Order } from './call-recorder.js'
import { type Given, MovableWebSocket } from './movable-websocket.js'
import { StaggeredClose } from './staggered-close.js'
import { type Abilities, adopt, isBetweenMessages, tryOut } from './ws-internals.js'
import {
  open,
  serviceRestart,
  serviceRestartReason,
  type WebSocketLike,
  type WebSocketServerLike,
} from './ws-types.js'

/** How often it is looked whether a message that is being sent in fragments is complete. */
const lookMs = 5
/** A close frame with 1012 and nothing else. */
const closeFrame = Buffer.from([0x88, 2, serviceRestart >> 8, serviceRestart & 0xff])

/** What the application does. */
export interface ApplicationHooks<Socket, State> {
  serialize(socket: Socket, request: IncomingMessage): State | undefined | Promise<State | undefined>
  restore(socket: Socket, state: State, request: IncomingMessage): unknown
}

export class ServerSockets<Socket extends WebSocketLike, State> {
  readonly protocol: string
  readonly application: ApplicationHooks<Socket, State>
  readonly #wss: WebSocketServerLike<Socket>
  readonly #staggeredClose: StaggeredClose
  readonly #abilities: Abilities
  readonly #open = new Set<MovableWebSocket<Socket, State>>()
  #told = false

  constructor(
    wss: WebSocketServerLike<Socket>,
    protocol: string,
    application: ApplicationHooks<Socket, State>,
    spreadMs: number,
  ) {
    this.protocol = protocol
    this.application = application
    this.#wss = wss
    this.#staggeredClose = new StaggeredClose(spreadMs)
    this.#abilities = tryOut(wss)
  }

  /** What this version of `ws` has not got, without which nothing can be moved. */
  get missing(): string | undefined {
    return this.#abilities.missing
  }

  get listeners(): Abilities['listeners'] {
    return this.#abilities.listeners
  }

  /** A client has connected. To be called before anybody else has got the WebSocket. */
  follow(websocket: Socket, request: IncomingMessage, socket: Duplex): void {
    if (!(socket instanceof net.Socket)) return
    const moving = new MovableWebSocket(this, websocket, request, socket)
    this.#open.add(moving)
    if (makeConnectionMovable(socket, moving)) this.#tellOfMissing()
  }

  forget(moving: MovableWebSocket<Socket, State>): void {
    this.#open.delete(moving)
  }

  /** Closes it so that its client comes back, at its own moment. */
  close(websocket: Socket): void {
    this.#staggeredClose.close(websocket, this.#open.size)
  }

  /** The predecessor has sent one. */
  arrive({ socket, state, onLate }: Arrival): void {
    const { state: given, protocol, ...head } = state as Given
    const request = requestOf(socket, head)
    let websocket: Socket
    try {
      websocket = adopt(this.#wss, socket, request, protocol)
    } catch (error) {
      socket.write(closeFrame)
      throw error
    }
    if (websocket.protocol !== protocol) {
      this.#warn(`a WebSocket is closed: its subprotocol ${protocol} is not spoken here any more`)
      websocket.close(serviceRestart, serviceRestartReason)
      return
    }
    const moving = new MovableWebSocket(this, websocket, request, socket)
    this.#open.add(moving)
    onLate(inTurn(websocket))
    moving.restore(given as State)
    makeConnectionMovable(socket, moving)
  }

  #tellOfMissing(): void {
    if (this.missing === undefined || this.#told) return
    this.#told = true
    this.#warn(
      `this version of ws cannot hand WebSockets on, they are closed at a reload: ${this.missing} is missing`,
    )
  }

  #warn(message: string): void {
    surroundings().logger.warn({ protocol: this.protocol }, message)
  }
}

/** Carries out what the predecessor still had to say, and never in the middle of a message that is said here. */
function inTurn(websocket: WebSocketLike): (orders: unknown) => void {
  const waiting: (readonly Order[])[] = []
  const next = () => {
    while (waiting.length > 0 && websocket.readyState === open) {
      if (!isBetweenMessages(websocket)) {
        setTimeout(next, lookMs)
        return
      }
      carryOut(websocket, waiting.shift() as readonly Order[])
    }
  }
  return (orders) => {
    waiting.push(orders as readonly Order[])
    if (waiting.length === 1) next()
  }
}

/** The request with which the connection began, as far as it can be told. */
function requestOf(
  socket: net.Socket,
  { method, url, rawHeaders }: Pick<Given, 'method' | 'url' | 'rawHeaders'>,
): IncomingMessage {
  const request = new IncomingMessage(socket)
  request.rawHeaders.push(...rawHeaders)
  return Object.assign(request, {
    method,
    url,
    httpVersion: '1.1',
    httpVersionMajor: 1,
    httpVersionMinor: 1,
    complete: true,
  })
}
