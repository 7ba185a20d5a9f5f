/** The control socket of a process: when it is served, and which of its clients continue in another process. */
import type { Logger } from '../base/logger.js'
import type { Listeners } from '../listeners/listeners.js'
import type { Platform } from '../platform/process.js'
import { closeConnection, handleToSend } from '../platform/socket-handle.js'
import type { CarriedClient } from './client-connection.js'
import type { Controlled } from './controlled.js'
import { ControlServer } from './server.js'

/** How often to retry a path that another process still serves. */
const retryMs = 1_000

export interface EndpointParts {
  readonly controlled: Controlled
  readonly logger: Logger
  readonly listeners: Pick<Listeners, 'serveControl' | 'closeControl'>
  readonly platform: Platform
  /** The path of the socket, if the option is set. */
  readonly path: () => string | undefined
}

/** Sends a client to the successor; calls `failed` if it cannot be sent. */
export type SendClient = (carried: CarriedClient, handle: object, failed: () => void) => void

export class ControlEndpoint {
  readonly #parts: EndpointParts
  #server: ControlServer | undefined
  #retry: NodeJS.Timeout | undefined

  constructor(parts: EndpointParts) {
    this.#parts = parts
  }

  /** This process owns the service. Resolves when the socket exists, or cannot exist now. */
  async start(): Promise<void> {
    const { controlled, logger, platform } = this.#parts
    const path = this.#parts.path()
    if (path === undefined || this.#server) return
    if (platform.unsupported()) {
      logger.warn({ control: path }, `there is no control socket here: ${platform.unsupported()}`)
      return
    }
    this.#server = new ControlServer(controlled)
    await this.#listen(this.#server, path)
  }

  /** This process owns the service again. The duplicate of the listener may not have arrived. */
  startAgain(): void {
    const path = this.#parts.path()
    if (path && this.#server && !this.#server.server.listening) void this.#listen(this.#server, path)
  }

  /** The successor serves the socket: its clients continue there. */
  handOver(send: SendClient): void {
    // The successor takes care of a path that this process could not get.
    this.stopRetrying()
    for (const { client, carried } of this.#server?.movable() ?? []) {
      const handle = handleToSend(client.socket)
      client.leave()
      if (!handle) client.socket.destroy()
      else send(carried, handle, () => client.socket.destroy())
    }
  }

  /** A client of the predecessor. */
  adopt(handle: object, carried: CarriedClient): void {
    if (this.#server) this.#server.adopt(handle, carried)
    else closeConnection(handle)
  }

  stopRetrying(): void {
    clearTimeout(this.#retry)
  }

  /** Resolves when the last answers are out, and the socket is closed. */
  async finish(): Promise<void> {
    await this.#server?.flush()
    if (this.#server) this.#parts.listeners.closeControl(this.#server.server)
  }

  /** The process continues without Handover, or leaves. */
  close(): void {
    this.stopRetrying()
    if (!this.#server) return
    this.#parts.listeners.closeControl(this.#server.server)
    this.#server.close()
  }

  /** Retries until the path is free. */
  async #listen(control: ControlServer, path: string, failures = 0): Promise<void> {
    const { platform, logger, listeners } = this.#parts
    try {
      await listeners.serveControl(control.server, path, platform)
      if (failures > 0) logger.info({ control: path }, `the control socket ${path} is served now`)
    } catch (error) {
      if (failures === 0)
        logger.error({ err: error }, `${(error as Error).message} Retrying every ${retryMs} ms.`)
      const retry = () => void this.#listen(control, path, failures + 1)
      this.#retry = setTimeout(retry, retryMs).unref()
    }
  }
}
