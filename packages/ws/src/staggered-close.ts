/** Closes WebSockets at different moments, so that their clients do not all reconnect at once. */
import { surroundings } from '@handover/core'
import { open, serviceRestart, serviceRestartReason, type WebSocketLike } from './ws-types.js'

/** The time per WebSocket, up to `spreadMs` in total: a few WebSockets close quickly. */
const eachMs = 10
/** The fraction of the remaining drain time in which WebSockets close. Clients answer in the remaining time. */
const closingFraction = 0.8

export class StaggeredClose {
  readonly #spreadMs: number
  readonly #timers = new Map<WebSocketLike, NodeJS.Timeout>()

  constructor(spreadMs: number) {
    this.#spreadMs = spreadMs
  }

  /** Closes one of `count` WebSockets at a random moment. A later call uses the drain time that remains by then. */
  close(websocket: WebSocketLike, count: number): void {
    clearTimeout(this.#timers.get(websocket))
    const window = Math.min(this.#spreadMs, count * eachMs, surroundings().drainMs * closingFraction)
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
