/** Ends WebSockets one after the other: were they all ended at once, their clients would come back all at once. */
import { surroundings } from '@handover/core'
import { open, serviceRestart, serviceRestartReason, type WebSocketLike } from './ws-types.js'

/** A few are not worth the wait: this long for each WebSocket, and no more than was asked for. */
const eachMs = 10
/** Of the time until the drain is over; in the rest the client answers. */
const share = 0.8

export class StaggeredClose {
  readonly #spreadMs: number
  readonly #timers = new Map<WebSocketLike, NodeJS.Timeout>()

  constructor(spreadMs: number) {
    this.#spreadMs = spreadMs
  }

  /** Closes `websocket`, which is one of `count`, at some moment of the time that there is. Asked again, at once if need be. */
  close(websocket: WebSocketLike, count: number): void {
    clearTimeout(this.#timers.get(websocket))
    const window = Math.min(this.#spreadMs, count * eachMs, surroundings().drainMs * share)
    if (window < 1) {
      this.#closeNow(websocket)
      return
    }
    this.#timers.set(
      websocket,
      setTimeout(() => this.#closeNow(websocket), Math.random() * window),
    )
    websocket.once('close', () => this.#forget(websocket))
  }

  #closeNow(websocket: WebSocketLike): void {
    this.#forget(websocket)
    if (websocket.readyState === open) websocket.close(serviceRestart, serviceRestartReason)
  }

  #forget(websocket: WebSocketLike): void {
    clearTimeout(this.#timers.get(websocket))
    this.#timers.delete(websocket)
  }
}
