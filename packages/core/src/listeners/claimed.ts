/** The inherited listeners that servers of this process have claimed. */
import type net from 'node:net'
import { bareListener } from '../platform/listener-handle.js'
import { isPlainHttp } from '../platform/server-kind.js'
import { continueTlsSessions } from '../platform/tls-sessions.js'
import type { ListenerEntry, TlsSessions } from '../protocol/inheritance.js'
import { describe } from './listen-errors.js'

export class Claimed {
  /** By inherited descriptor. */
  readonly #servers = new Map<number, net.Server>()
  /** The last listener that each server claimed. */
  readonly #entries = new Map<net.Server, ListenerEntry>()
  #tlsSessions: ReadonlyMap<number, TlsSessions> = new Map()

  get size(): number {
    return this.#servers.size
  }

  add(server: net.Server, entry: ListenerEntry): void {
    this.#servers.set(entry.fd, server)
    this.#entries.set(server, entry)
    this.#continueSessions(entry.fd, server)
  }

  fds(): number[] {
    return [...this.#servers.keys()]
  }

  /** Descriptors of the listeners to which plain HTTP/1.1 connections can move, whatever the predecessor served there. */
  http1Fds(): number[] {
    return [...this.#servers].flatMap(([fd, server]) => (isPlainHttp(server) ? fd : []))
  }

  /** The server that claimed descriptor `fd`, even if it no longer listens. */
  serverOf(fd: number): net.Server | undefined {
    return this.#servers.get(fd)
  }

  /** Describes the listeners whose servers no longer listen. */
  stopped(): string[] {
    return [...this.#entries].flatMap(([server, entry]) => (server.listening ? [] : describe(entry)))
  }

  /** The open handles, by inherited descriptor. */
  handles(): [number, object][] {
    return [...this.#servers].flatMap(([fd, server]) => {
      const handle = bareListener(server)
      return handle === undefined ? [] : [[fd, handle] as [number, object]]
    })
  }

  /** Lets TLS clients of the predecessor resume their sessions here. */
  continueTlsSessions(sessions: readonly (readonly [number, TlsSessions])[]): void {
    this.#tlsSessions = new Map(sessions)
    for (const [fd, server] of this.#servers) this.#continueSessions(fd, server)
  }

  #continueSessions(fd: number, server: net.Server): void {
    const sessions = this.#tlsSessions.get(fd)
    if (sessions) continueTlsSessions(server, sessions)
  }
}
