import type net from 'node:net'

/** What must listen before this generation is ready. */
export type ReadyCondition =
  /** This server. */
  | { readonly server: net.Server }
  /** A server whose request listener satisfies `isHandler`: an adapter knows its application, not the server. */
  | {
      readonly isHandler: (listener: unknown) => boolean
      readonly application: string
      readonly onListening?: (() => void) | undefined
    }
  /** Any server, for a program that does not use Handover itself. */
  | { readonly any: true }
  /** No server: the program calls `ready()`, or it has no server. */
  | { readonly nothing: true }

/** The registered conditions, and whether all of them are met. */
export class Readiness {
  #awaited: ReadyCondition[] = []
  /** How many conditions, from the first on, were met at the last check. Saves time with thousands of servers. */
  #met = 0
  readonly #listening = new Set<net.Server>()

  await(condition: ReadyCondition): void {
    this.#awaited.push(condition)
  }

  /** Returns whether no condition remains. */
  forget(server: net.Server): boolean {
    this.#awaited = this.#awaited.filter((each) => !('server' in each && each.server === server))
    this.#met = 0
    return this.#awaited.length === 0
  }

  listening(server: net.Server): void {
    this.#listening.add(server)
    for (const each of this.#awaited) {
      if ('isHandler' in each && matches(each, server)) each.onListening?.()
    }
  }

  closed(server: net.Server): void {
    this.#listening.delete(server)
    this.#met = 0
  }

  get complete(): boolean {
    const missing = this.#awaited.findIndex((each, i) => i >= this.#met && !this.#isMet(each))
    this.#met = missing < 0 ? this.#awaited.length : missing
    return this.#met > 0 && missing < 0
  }

  /** Whether this generation is not ready without `server`. */
  awaits(server: net.Server): boolean {
    return this.#awaited.some((each) => matches(each, server))
  }

  /** Whether the program registered `server` itself, or its application. */
  names(server: net.Server): boolean {
    return this.#awaited.some((each) => !('any' in each) && matches(each, server))
  }

  /** The name of an application that no server calls although a server listens: probably a function wraps it. */
  missingApplication(): string | undefined {
    const missing = this.#awaited.find((each) => !this.#isMet(each))
    return missing && 'application' in missing && this.#listening.size > 0 ? missing.application : undefined
  }

  #isMet(condition: ReadyCondition): boolean {
    if ('nothing' in condition) return true
    if ('server' in condition) return this.#listening.has(condition.server)
    return [...this.#listening].some((server) => matches(condition, server))
  }
}

export function matches(condition: ReadyCondition, server: net.Server): boolean {
  if ('server' in condition) return condition.server === server
  if ('isHandler' in condition) return server.listeners('request').some(condition.isHandler)
  return 'any' in condition
}
