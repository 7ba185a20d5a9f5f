/** Watches each server from its `listen` call until it closes, and reports to the generation. */
import type net from 'node:net'
import { observe } from '../platform/hidden-observers.js'
import { addressInUse } from './listen-errors.js'

/** The most addresses to report to a successor: a program may try many ports. */
const mostUnavailable = 100

export interface ListenObserver {
  /** Called before each attempt of a server to listen. */
  onListen(server: net.Server): void
  onListening(server: net.Server): void
  /** The server no longer listens, or could not listen. */
  onClosed(server: net.Server): void
  onListenError(server: net.Server, error: Error): void
}

export interface ListenWatchParts {
  readonly observer: ListenObserver
  /** Keys of the addresses on which the predecessor could not listen either. */
  readonly tolerated: readonly string[]
  /** Called when a server has closed, before the observer. */
  readonly onClose: (server: net.Server) => void
  /** Describes the inherited listeners that no server has claimed. */
  readonly unclaimed: () => readonly string[]
}

export class ListenWatch {
  readonly #parts: ListenWatchParts
  /** Absent after {@link stop}: servers may listen again without Handover. */
  #observer: ListenObserver | undefined
  /** Functions that stop watching a server. */
  readonly #watched = new Map<net.Server, () => void>()
  /** The key of the address on which each server last tried to listen. */
  readonly #keys = new WeakMap<net.Server, string>()
  readonly #unavailable = new Set<string>()

  constructor(parts: ListenWatchParts) {
    this.#parts = parts
    this.#observer = parts.observer
  }

  /** `key` is that of the requested address, if known. A server that has failed to listen may try again. */
  watch(server: net.Server, key?: string): void {
    if (key !== undefined) this.#keys.set(server, key)
    this.#observer?.onListen(server)
    if (this.#watched.has(server)) return
    const before = {
      listening: () => {
        this.#unavailable.delete(this.#keyOf(server))
        this.announce(server)
      },
      close: () => {
        this.#parts.onClose(server)
        this.#unwatch(server)
      },
      error: (error: Error) => {
        if (server.listening) return
        this.#onError(server, error)
        this.#unwatch(server)
      },
    }
    this.#watched.set(server, observe(server, { before }))
  }

  /** Reports a server that listens. */
  announce(server: net.Server): void {
    this.#observer?.onListening(server)
  }

  /** Keys of the addresses on which no server of this process could listen. */
  unavailable(): string[] {
    return [...this.#unavailable]
  }

  /** Stops watching all servers. */
  stop(): void {
    this.#observer = undefined
    for (const off of this.#watched.values()) off()
    this.#watched.clear()
  }

  #unwatch(server: net.Server): void {
    this.#watched.get(server)?.()
    this.#watched.delete(server)
    this.#observer?.onClosed(server)
  }

  /** If the program handled this unavailable address in the predecessor, it can do so here too. */
  #onError(server: net.Server, error: Error): void {
    const key = this.#keyOf(server)
    if (this.#unavailable.size < mostUnavailable) this.#unavailable.add(key)
    if (this.#parts.tolerated.includes(key)) return
    this.#observer?.onListenError(server, addressInUse(error, this.#parts.unclaimed()))
  }

  #keyOf(server: net.Server): string {
    return this.#keys.get(server) ?? ''
  }
}
