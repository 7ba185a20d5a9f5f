import type net from 'node:net'

/** What must listen before this generation is ready. */
export type ReadyCondition =
  /** This very server. */
  | { readonly server: net.Server }
  /** A server that calls one of these functions: adapters know their application, not its server. */
  | {
      readonly isHandler: (listener: unknown) => boolean
      readonly application: string
      readonly onListening?: (() => void) | undefined
    }
  /** Any server, for a program that does not know of us. */
  | { readonly any: true }
  /** None: the program says so itself, or it has no server. */
  | { readonly nothing: true }

/** Whether everything that was registered listens. */
export class Readiness {
  #awaited: ReadyCondition[] = []
  /** How many servers, from the first on, listened at the last check: a thousand may begin one after another. */
  #there = 0
  readonly #listening = new Set<net.Server>()

  await(what: ReadyCondition): void {
    this.#awaited.push(what)
  }

  /** Returns whether nothing is waited for any more. */
  forget(server: net.Server): boolean {
    this.#awaited = this.#awaited.filter((each) => !('server' in each && each.server === server))
    this.#there = 0
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
    this.#there = 0
  }

  get complete(): boolean {
    const missing = this.#awaited.findIndex((each, i) => i >= this.#there && !this.#isThere(each))
    this.#there = missing < 0 ? this.#awaited.length : missing
    return this.#there > 0 && missing < 0
  }

  /** Whether `server` is one that was registered: its failure to listen is ours. */
  awaits(server: net.Server): boolean {
    return this.#awaited.some((each) => matches(each, server))
  }

  /** What listens though nobody waits for it, while an application is waited for: most likely it is wrapped. */
  missingApplication(): string | undefined {
    const missing = this.#awaited.find((each) => !this.#isThere(each))
    return missing && 'application' in missing && this.#listening.size > 0 ? missing.application : undefined
  }

  #isThere(awaited: ReadyCondition): boolean {
    if ('nothing' in awaited) return true
    if ('server' in awaited) return this.#listening.has(awaited.server)
    return [...this.#listening].some((server) => matches(awaited, server))
  }
}

function matches(awaited: ReadyCondition, server: net.Server): boolean {
  if ('server' in awaited) return awaited.server === server
  if ('isHandler' in awaited) return server.listeners('request').some(awaited.isHandler)
  return 'any' in awaited
}
