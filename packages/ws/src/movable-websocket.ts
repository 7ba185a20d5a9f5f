/** One open WebSocket: how it comes here, serves, and goes on. */
import type { IncomingMessage } from 'node:http'
import type net from 'node:net'
import { type Departure, type Movable, type Passage, surroundings } from '@handover/core'
import { CallRecorder } from './call-recorder.js'
import { callWithTimeout } from './call-with-timeout.js'
import type { ServerSockets } from './server-sockets.js'
import { detach, isAtBoundary } from './ws-internals.js'
import { open, serviceRestart, serviceRestartReason, type WebSocketLike } from './ws-types.js'

/** When so little time is left, a WebSocket that is in the middle of a message is closed instead. */
const lateMs = 500

/** What the successor must know of a WebSocket. */
export interface Given {
  readonly state: unknown
  readonly protocol: string
  readonly method: string | undefined
  readonly url: string | undefined
  readonly rawHeaders: readonly string[]
}

type Stage =
  /** The application has not taken it over from the predecessor yet. */
  | 'arriving'
  | 'here'
  /** Not read from and not written to, while the application says what the successor must know. */
  | 'held'
  | 'gone'
  | 'ending'

export class MovableWebSocket<Socket extends WebSocketLike, State> implements Movable {
  readonly protocol: string
  readonly #sockets: ServerSockets<Socket, State>
  readonly #websocket: Socket
  readonly #request: IncomingMessage
  readonly #socket: net.Socket
  /** What `ws` does when it is closed: it forgets it. */
  readonly #forget: readonly ((...args: unknown[]) => void)[]
  #stage: Stage = 'here'
  #recorder: CallRecorder | undefined

  /** To be made before anybody else has got the WebSocket. */
  constructor(
    sockets: ServerSockets<Socket, State>,
    websocket: Socket,
    request: IncomingMessage,
    socket: net.Socket,
  ) {
    this.protocol = sockets.protocol
    this.#sockets = sockets
    this.#websocket = websocket
    this.#request = request
    this.#socket = socket
    this.#forget = websocket.listeners('close') as ((...args: unknown[]) => void)[]
    websocket.once('close', () => this.#closed())
  }

  /** The application goes on with it; what the client says waits until it can. */
  restore(state: State): void {
    this.#stage = 'arriving'
    this.#socket.pause()
    const readOn = () => {
      if (this.#stage === 'arriving') this.#stage = 'here'
      if (!this.#websocket.isPaused) this.#socket.resume()
    }
    const restore = () => this.#sockets.application.restore(this.#websocket, state, this.#request)
    callWithTimeout('restore', surroundings().hookMs, restore, {
      done: readOn,
      failed: (error) => {
        const { logger } = surroundings()
        logger.error({ err: error, protocol: this.protocol }, `restore of a WebSocket failed: ${error}`)
        this.#websocket.close(serviceRestart, serviceRestartReason)
        readOn()
      },
    })
  }

  prepare(departure: Departure): boolean {
    if (this.#stage === 'arriving') return false
    if (this.#stage !== 'here' || this.#websocket.readyState !== open) return true
    if (this.#websocket.extensions !== '' || this.#sockets.missing !== undefined) {
      departure.decline()
      return true
    }
    if (isAtBoundary(this.#websocket, this.#socket)) {
      this.#hold(departure)
      return true
    }
    const late = surroundings().drainMs < lateMs
    if (late) departure.decline()
    return late
  }

  end(): void {
    if (this.#stage === 'gone') return
    const recorder = this.#stage === 'held' ? this.#recorder : undefined
    this.#stage = 'ending'
    recorder?.stay()
    this.#sockets.close(this.#websocket)
  }

  #hold(departure: Departure): void {
    departure.hold()
    this.#stage = 'held'
    this.#recorder = new CallRecorder(this.#websocket, () => departure.decline())
    const serialize = () => this.#sockets.application.serialize(this.#websocket, this.#request)
    callWithTimeout<State | undefined>('serialize', surroundings().hookMs, serialize, {
      done: (state) => {
        if (this.#stage !== 'held') return
        if (state === undefined) departure.decline()
        else this.#give(departure, state)
      },
      failed: (error) => {
        if (this.#stage === 'held') departure.decline(error)
      },
    })
  }

  #give(departure: Departure, state: State): void {
    const { method, url, rawHeaders } = this.#request
    const { protocol } = this.#websocket
    const passage = departure.give({ state, protocol, method, url, rawHeaders } satisfies Given)
    // Where it could not be given after all it has been told to end.
    if (this.#stage === 'held') this.#leave(passage)
  }

  #leave(passage: Passage): void {
    this.#stage = 'gone'
    detach(this.#socket, this.#sockets.listeners)
    for (const forget of this.#forget) {
      this.#websocket.removeListener('close', forget)
      forget.call(this.#websocket)
    }
    this.#sockets.forget(this)
    this.#recorder?.leave(passage)
  }

  #closed(): void {
    if (this.#stage === 'gone') return
    const recorder = this.#stage === 'held' ? this.#recorder : undefined
    this.#stage = 'ending'
    this.#sockets.forget(this)
    recorder?.stay()
  }
}
