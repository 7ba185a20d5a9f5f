/** All WebSockets of one WebSocketServer. */
import type { IncomingMessage } from 'node:http'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import { type IncomingConnection, makeConnectionMovable, restoreRequest, surroundings } from '@handover/core'
import { type RecordedCall, replay } from './call-recorder.js'
import {
  type ApplicationHooks,
  MovableWebSocket,
  type MovedWebSocket,
  type SocketHost,
} from './movable-websocket.js'
import { StaggeredClose } from './staggered-close.js'
import { UpgradeRoute } from './upgrade-route.js'
import { adopt, type Capabilities, isBetweenMessages, probe } from './ws-internals.js'
import {
  open,
  serviceRestart,
  serviceRestartReason,
  type WebSocketLike,
  type WebSocketServerLike,
} from './ws-types.js'

/** How often to check whether a message that the application sends in fragments is complete. */
const checkMs = 5
/** A close frame with code 1012 and no reason. */
const closeFrame = Buffer.from([0x88, 2, serviceRestart >> 8, serviceRestart & 0xff])

export class ServerSockets<Socket extends WebSocketLike, State> implements SocketHost<Socket, State> {
  readonly protocol: string
  readonly deflateProtocol: string
  readonly application: ApplicationHooks<Socket, State>
  readonly #wss: WebSocketServerLike<Socket>
  readonly #staggeredClose: StaggeredClose
  readonly #capabilities: Capabilities
  readonly #open = new Set<MovableWebSocket<Socket, State>>()
  readonly #upgradeRoute = new UpgradeRoute<Socket>()
  #hasWarned = false
  #hasWarnedOfSilence = false

  constructor(
    wss: WebSocketServerLike<Socket>,
    protocol: string,
    application: ApplicationHooks<Socket, State>,
    spreadMs: number,
  ) {
    this.protocol = protocol
    this.deflateProtocol = `deflate:${protocol}`
    this.application = application
    this.#wss = wss
    this.#staggeredClose = new StaggeredClose(spreadMs)
    this.#capabilities = probe(wss)
  }

  get missing(): string | undefined {
    return this.#capabilities.missing
  }

  get missingDeflate(): string | undefined {
    return this.#capabilities.missingDeflate
  }

  get listeners(): Capabilities['listeners'] {
    return this.#capabilities.listeners
  }

  /** The protocols whose connections this process can continue. */
  get receivable(): readonly string[] {
    if (this.missing !== undefined) return []
    return this.missingDeflate === undefined ? [this.protocol, this.deflateProtocol] : [this.protocol]
  }

  /** Tracks a new WebSocket. Call this before the application gets it. */
  track(websocket: Socket, request: IncomingMessage, socket: Duplex): void {
    if (!(socket instanceof net.Socket)) return
    const movable = new MovableWebSocket(this, websocket, request, socket)
    this.#open.add(movable)
    if (makeConnectionMovable(socket, movable)) this.#warnIfMissing(movable)
  }

  forget(self: MovableWebSocket<Socket, State>): void {
    this.#open.delete(self)
  }

  close(websocket: Socket): void {
    this.#staggeredClose.close(websocket, this.#open.size)
  }

  /** Continues a WebSocket that the predecessor has moved. */
  receive({ server, socket, state, onFollowUp }: IncomingConnection): void {
    const { state: moved, protocol, deflate, ...head } = state as MovedWebSocket
    const request = restoreRequest(socket, head)
    let websocket: Socket
    try {
      websocket = adopt(this.#wss, socket, request, protocol, deflate)
    } catch (error) {
      socket.write(closeFrame)
      throw error
    }
    if (websocket.protocol !== protocol) {
      this.#warn(
        `closing a moved WebSocket with code 1012: this release does not support its subprotocol ${protocol}`,
      )
      websocket.close(serviceRestart, serviceRestartReason)
      return
    }
    const movable = new MovableWebSocket(this, websocket, request, socket)
    this.#open.add(movable)
    onFollowUp(replayer(websocket))
    const restored = () => this.#serve(server, websocket, request)
    movable.restore(moved as State, restored)
    makeConnectionMovable(socket, movable)
  }

  /** The moved WebSocket of this request, if the request passes through the `upgrade` listeners. */
  returning(request: IncomingMessage): Socket | undefined {
    return this.#upgradeRoute.take(request)
  }

  /** If neither `restore` nor a `connection` listener handles messages, an `upgrade` listener attaches the handler. */
  async #serve(server: net.Server, websocket: Socket, request: IncomingMessage): Promise<void> {
    if (!isHandled(websocket) && this.#wss.listenerCount('connection') === 0)
      await this.#upgradeRoute.serve(server, websocket, request)
    if (isHandled(websocket) || websocket.readyState !== open || this.#hasWarnedOfSilence) return
    this.#hasWarnedOfSilence = true
    this.#warn(
      "a restored WebSocket has no message listener, so its client's messages are lost: add a listener in restore",
    )
  }

  #warnIfMissing({ protocol }: MovableWebSocket<Socket, State>): void {
    const { missing, missingDeflate } = this
    const isDeflateMissing = protocol === this.deflateProtocol && missingDeflate !== undefined
    if ((missing === undefined && !isDeflateMissing) || this.#hasWarned) return
    this.#hasWarned = true
    const kind = missing === undefined ? 'compressed WebSockets' : 'WebSockets'
    this.#warn(
      `this version of ws cannot move ${kind}, so a reload closes them (missing: ${missing ?? missingDeflate})`,
    )
  }

  #warn(message: string): void {
    surroundings().logger.warn({ protocol: this.protocol }, message)
  }
}

const isHandled = (websocket: WebSocketLike): boolean => websocket.listenerCount('message') > 0

/** Replays calls from the predecessor, but never between fragments of a message that the application sends here. */
function replayer(websocket: WebSocketLike): (calls: unknown) => void {
  const waiting: (readonly RecordedCall[])[] = []
  const next = () => {
    while (waiting.length > 0 && websocket.readyState === open) {
      if (!isBetweenMessages(websocket)) {
        setTimeout(next, checkMs)
        return
      }
      replay(websocket, waiting.shift() as readonly RecordedCall[])
    }
  }
  return (calls) => {
    waiting.push(calls as readonly RecordedCall[])
    if (waiting.length === 1) next()
  }
}
