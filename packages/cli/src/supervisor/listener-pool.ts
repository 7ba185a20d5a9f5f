/**
 * The listeners of all workers, held without accepting: the kernel queues connections on them while no worker is
 * there, and each worker that starts inherits them.
 */
import { type AdoptedListener, adoptHandle, type ListenerEntry, remove } from '@handover/core/supervision'
import type { Worker } from './worker.js'

/** How long all must serve before what none of them asked for is closed. */
const settleMs = 5_000

interface Held {
  readonly entry: ListenerEntry
  readonly listener: AdoptedListener
  /** To be sent to a worker; absent of what systemd gave, which all have from the start. */
  readonly handle?: object
}

export class ListenerPool {
  readonly #all = new Map<string, Held>()
  readonly #files: ListenerEntry[] = []
  #hasEnded = false
  /** What will be closed, unless something changes. */
  #unserved: { readonly names: string; readonly timer: NodeJS.Timeout } | undefined

  /** Those of socket activation. */
  hold(inherited: readonly { readonly entry: ListenerEntry; readonly adopted: AdoptedListener }[]): void {
    for (const { entry, adopted } of inherited) {
      // A program that knows sd_listen_fds(3) asks for it by its number.
      const held = `fd:${entry.fd}`
      this.#all.set(held, { entry: { ...entry, held }, listener: adopted })
    }
  }

  /** A worker has bound it: it is for the others, too. */
  onBound(by: Worker, entry: ListenerEntry, handle: object | undefined, workers: Iterable<Worker>): void {
    const { held: name } = entry
    if (!handle || name === undefined) return
    const listener = adoptHandle(handle)
    const isThere = listener.tcp?.port === entry.tcp?.port && listener.tcp?.address === entry.tcp?.address
    if (this.#all.has(name) || !isThere) {
      listener.close()
      return
    }
    this.#all.set(name, { entry: { ...entry, fd: listener.fd }, listener, handle })
    by.has.add(name)
    if (this.#hasEnded) this.closeAll()
    for (const worker of workers) if (worker.isRegistered && !worker.isLeaving) this.offer(worker, [name])
  }

  /** What was bound since it was started. */
  offer(worker: Worker, names: Iterable<string> = this.#all.keys()): void {
    for (const name of names) {
      const held = this.#all.get(name)
      if (worker.has.has(name) || !held?.handle) continue
      worker.has.add(name)
      worker.say({ type: 'listener', entry: held.entry }, held.handle)
    }
  }

  /** Its program has closed it. If nobody else serves it, who connects shall be refused, not wait for ever. */
  onClosed(by: Worker, name: string, workers: ReadonlySet<Worker>): void {
    by.serves.delete(name)
    const isServed = [...workers].some((worker) => !worker.isLeaving && worker.serves.has(name))
    if (!isServed) this.#unlisten([name], workers)
  }

  /**
   * Those that serve, when all do: what none of them has asked for in a while will not be asked for any more. A
   * program may listen on more after it is ready.
   */
  closeUnserved(serving: readonly Worker[], workers: ReadonlySet<Worker>): void {
    const served = new Set(serving.flatMap(({ serves }) => [...serves]))
    const names = serving.length === 0 ? [] : [...this.#all.keys()].filter((name) => !served.has(name))
    if ((this.#unserved?.names ?? '') === names.join()) return
    clearTimeout(this.#unserved?.timer)
    this.#unserved = undefined
    if (names.length === 0) return
    const timer = setTimeout(() => this.#unlisten(names, workers), settleMs)
    this.#unserved = { names: names.join(), timer }
  }

  /** As a worker inherits them: those in the order in which its predecessor knows them, then all others. */
  entries(known: readonly ListenerEntry[] = []): ListenerEntry[] {
    const names = known.flatMap(({ held }) => (held !== undefined && this.#all.has(held) ? held : []))
    const asked = new Map(known.map((entry) => [entry.held, entry]))
    return [...new Set([...names, ...this.#all.keys()])].map((name) => {
      const { entry } = this.#all.get(name) as Held
      // What was asked for may have changed since, as when a release says `localhost` instead.
      return { ...(asked.get(name) ?? entry), fd: entry.fd }
    })
  }

  #unlisten(names: readonly string[], workers: Iterable<Worker>): void {
    for (const name of names) {
      const held = this.#all.get(name)
      this.#all.delete(name)
      held?.listener.close()
      if (held?.entry.unix) remove(held.entry.unix)
    }
    for (const worker of workers) worker.say({ type: 'unlisten', held: names })
  }

  /** The service ends: its workers close their own. The files of Unix sockets are left until {@link removeFiles}. */
  closeAll(): void {
    this.#hasEnded = true
    clearTimeout(this.#unserved?.timer)
    for (const { entry, listener } of this.#all.values()) {
      this.#files.push(entry)
      listener.close()
    }
    this.#all.clear()
  }

  removeFiles(): void {
    for (const { unix } of this.#files.splice(0)) if (unix) remove(unix)
  }
}
