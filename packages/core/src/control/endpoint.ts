/** The control socket of a generation. When the generation hands over, its clients continue in the successor. */
import type { Logger } from '../base/logger.js'
import type { Listeners } from '../listeners/listeners.js'
import type { Platform } from '../platform/process.js'
import { closeConnection } from '../platform/socket-handle.js'
import type { CarriedClient } from './client-connection.js'
import type { Controlled } from './controlled.js'
import { ControlServer, type SendClient } from './server.js'

/** How often to retry a path that another process still serves. */
const retryMs = 1_000

export interface EndpointParts {
  readonly controlled: Controlled
  readonly logger: Logger
  readonly listeners: Pick<Listeners, 'serveControl' | 'closeControl'>
  readonly platform: Platform
  readonly path: () => string | undefined
}

export class ControlEndpoint {
  readonly #parts: EndpointParts
  #server: ControlServer | undefined
  #retry: NodeJS.Timeout | undefined

  constructor(parts: EndpointParts) {
    this.#parts = parts
  }

  /** This process owns the service. Resolves when the socket is served, or after the first failure. */
  async start(): Promise<void> {
    const { controlled, logger, platform } = this.#parts
    const path = this.#parts.path()
    if (path === undefined || this.#server) return
    const unsupported = platform.unsupported()
    if (unsupported) {
      logger.warn({ control: path }, `not serving the control socket ${path}: ${unsupported}`)
      return
    }
    this.#server = new ControlServer(controlled)
    await this.#listen(this.#server, path)
  }

  /** This process owns the service again. If its listener has not come back, binds the path again. */
  startAgain(): void {
    const path = this.#parts.path()
    if (path && this.#server && !this.#server.server.listening) void this.#listen(this.#server, path)
  }

  /** The successor serves the socket. Sends it all clients that it can continue to serve. */
  handOver(send: SendClient): void {
    // The successor retries a path that this process could not serve.
    this.stopRetrying()
    this.#server?.handOver(send)
  }

  adopt(handle: object, carried: CarriedClient): void {
    if (this.#server) this.#server.adopt(handle, carried)
    else closeConnection(handle)
  }

  stopRetrying(): void {
    clearTimeout(this.#retry)
  }

  /** Resolves when the last answers are sent and the socket is closed. */
  async finish(): Promise<void> {
    await this.#server?.flush()
    if (this.#server) this.#parts.listeners.closeControl(this.#server.server)
  }

  /** The process continues without Handover, or exits. */
  close(): void {
    this.stopRetrying()
    if (!this.#server) return
    this.#parts.listeners.closeControl(this.#server.server)
    this.#server.close()
  }

  async #listen(control: ControlServer, path: string, failures = 0): Promise<void> {
    const { platform, logger, listeners } = this.#parts
    try {
      await listeners.serveControl(control.server, path, platform)
      if (failures > 0) logger.info({ control: path }, `serving the control socket ${path} now`)
    } catch (error) {
      if (failures === 0)
        logger.error({ err: error }, `${(error as Error).message} Retrying every ${retryMs} ms.`)
      const retry = () => void this.#listen(control, path, failures + 1)
      this.#retry = setTimeout(retry, retryMs).unref()
    }
  }
}
