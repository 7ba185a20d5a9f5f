/** One open WebSocket: how it arrives from the predecessor, serves here, and moves to the successor. */
import type { IncomingMessage } from 'node:http'
import type net from 'node:net'
import {
  type FollowUpChannel,
  headOf,
  type MovableConnection,
  type OutgoingTransfer,
  type RequestHead,
  surroundings,
} from '@handover/core'
import { CallRecorder } from './call-recorder.js'
import { callWithTimeout } from './call-with-timeout.js'
import { type DeflateParameters, movableDeflate } from './deflate-internals.js'
import { type Capabilities, detach, isAtBoundary } from './ws-internals.js'
import { open, serviceRestart, serviceRestartReason, type WebSocketLike } from './ws-types.js'

/** With less drain time than this, a WebSocket in the middle of a message closes instead of moving. */
const lateMs = 500

/** The application's part: see `GracefulWebSocketOptions`. */
export interface ApplicationHooks<Socket, State> {
  serialize(socket: Socket, request: IncomingMessage): State | undefined | Promise<State | undefined>
  restore(socket: Socket, state: State, request: IncomingMessage): unknown
  canMove(socket: Socket, request: IncomingMessage): boolean
  moved(socket: Socket, request: IncomingMessage): void
}

/** The parts of its server that a WebSocket uses. */
export interface SocketHost<Socket extends WebSocketLike, State> extends Capabilities {
  readonly protocol: string
  /** The protocol of compressed WebSockets. A successor that cannot continue them does not receive it. */
  readonly deflateProtocol: string
  readonly application: ApplicationHooks<Socket, State>
  /** Closes the WebSocket so that its client reconnects. */
  close(websocket: Socket): void
  /** Called when the WebSocket has closed or moved. */
  forget(self: MovableWebSocket<Socket, State>): void
}

/** The data from which the successor creates the WebSocket. */
export interface MovedWebSocket extends RequestHead {
  readonly state: unknown
  readonly protocol: string
  /** The parameters of permessage-deflate, if the WebSocket is compressed. */
  readonly deflate?: DeflateParameters
}

type Stage =
  /** `restore` is running. */
  | 'arriving'
  | 'here'
  /** `serialize` is running; this process neither reads nor writes the WebSocket. */
  | 'paused'
  | 'moved'
  | 'ending'

export class MovableWebSocket<Socket extends WebSocketLike, State> implements MovableConnection {
  readonly protocol: string
  readonly #host: SocketHost<Socket, State>
  readonly #websocket: Socket
  readonly #request: IncomingMessage
  readonly #socket: net.Socket
  readonly #deflate: DeflateParameters | undefined
  /** The listeners with which `ws` removes a closed WebSocket from its server's clients. */
  readonly #onClose: readonly ((...args: unknown[]) => void)[]
  #stage: Stage = 'here'
  #recorder: CallRecorder | undefined

  /** Call this before the application gets the WebSocket. */
  constructor(
    host: SocketHost<Socket, State>,
    websocket: Socket,
    request: IncomingMessage,
    socket: net.Socket,
  ) {
    this.#deflate = movableDeflate(websocket)
    this.protocol = this.#deflate ? host.deflateProtocol : host.protocol
    this.#host = host
    this.#websocket = websocket
    this.#request = request
    this.#socket = socket
    this.#onClose = websocket.listeners('close') as ((...args: unknown[]) => void)[]
    websocket.once('close', () => this.#closed())
  }

  /** Lets the application restore the WebSocket, and calls `restored`. The client's messages wait for both. */
  restore(state: State, restored: () => Promise<void>): void {
    this.#stage = 'arriving'
    this.#socket.pause()
    const resume = () => {
      if (this.#stage === 'arriving') this.#stage = 'here'
      if (!this.#websocket.isPaused) this.#socket.resume()
    }
    const restore = async () => {
      await this.#host.application.restore(this.#websocket, state, this.#request)
      await restored()
    }
    callWithTimeout<void>('restore', surroundings().hookMs, restore, {
      done: resume,
      failed: (error) => {
        const { logger } = surroundings()
        logger.error(
          { err: error, protocol: this.protocol },
          `closing a WebSocket with code 1012 because restoring it failed: ${error}`,
        )
        this.#websocket.close(serviceRestart, serviceRestartReason)
        resume()
      },
    })
  }

  prepare(transfer: OutgoingTransfer): boolean {
    if (this.#stage === 'arriving') return false
    if (this.#stage !== 'here' || this.#websocket.readyState !== open) return true
    if (!this.#isMovable()) {
      transfer.cancel()
      return true
    }
    if (isAtBoundary(this.#websocket, this.#socket) && this.#canMove(transfer)) {
      if (this.#stage === 'here') this.#pause(transfer)
      return true
    }
    const isLate = surroundings().drainMs < lateMs
    if (isLate) transfer.cancel()
    return isLate
  }

  /** Whether its whole state is known. This never changes. */
  #isMovable(): boolean {
    const { missing, missingDeflate } = this.#host
    if (missing !== undefined) return false
    return this.#deflate ? missingDeflate === undefined : this.#websocket.extensions === ''
  }

  end(): void {
    if (this.#stage === 'moved') return
    const recorder = this.#stage === 'paused' ? this.#recorder : undefined
    this.#stage = 'ending'
    recorder?.replayHere()
    this.#host.close(this.#websocket)
  }

  /** If the application throws, cancels the transfer, which ends the WebSocket. */
  #canMove(transfer: OutgoingTransfer): boolean {
    try {
      return this.#host.application.canMove(this.#websocket, this.#request)
    } catch (error) {
      transfer.cancel(error)
      return true
    }
  }

  #pause(transfer: OutgoingTransfer): void {
    transfer.pause()
    this.#stage = 'paused'
    this.#recorder = new CallRecorder(this.#websocket, () => transfer.cancel())
    const serialize = () => this.#host.application.serialize(this.#websocket, this.#request)
    callWithTimeout<State | undefined>('serialize', surroundings().hookMs, serialize, {
      done: (state) => {
        if (this.#stage !== 'paused') return
        if (state === undefined) transfer.cancel()
        else this.#send(transfer, state)
      },
      failed: (error) => {
        if (this.#stage === 'paused') transfer.cancel(error)
      },
    })
  }

  #send(transfer: OutgoingTransfer, state: State): void {
    const { protocol } = this.#websocket
    const deflate = this.#deflate && { deflate: this.#deflate }
    const moved: MovedWebSocket = { state, protocol, ...deflate, ...headOf(this.#request) }
    const followUps = transfer.send(moved)
    // If core could not send it, core has called `end` already.
    if (this.#stage === 'paused') this.#leave(followUps)
  }

  #leave(followUps: FollowUpChannel): void {
    this.#stage = 'moved'
    detach(this.#websocket, this.#socket, this.#host.listeners)
    for (const listener of this.#onClose) {
      this.#websocket.removeListener('close', listener)
      listener.call(this.#websocket)
    }
    this.#host.forget(this)
    this.#recorder?.forward(followUps)
    this.#notifyMoved()
  }

  #notifyMoved(): void {
    try {
      this.#host.application.moved(this.#websocket, this.#request)
    } catch (error) {
      const { logger } = surroundings()
      logger.error(
        { err: error, protocol: this.protocol },
        `a WebSocket has moved, but moved() failed: ${error}`,
      )
    }
  }

  #closed(): void {
    if (this.#stage === 'moved') return
    const recorder = this.#stage === 'paused' ? this.#recorder : undefined
    this.#stage = 'ending'
    this.#host.forget(this)
    recorder?.replayHere()
  }
}
