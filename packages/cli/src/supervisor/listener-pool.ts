/**
 * The listeners of all workers, held without accepting: the kernel queues connections on them while no worker runs,
 * and each worker that starts inherits them.
 */
import { type AdoptedListener, adoptHandle, type ListenerEntry, remove } from '@handover/core/supervision'
import type { Worker } from './worker.js'

/** How long all workers must serve before listeners close that none of them serves. */
const unservedMs = 5_000

interface PooledListener {
  readonly entry: ListenerEntry
  readonly listener: AdoptedListener
  /** The handle to send to workers; absent for sockets from systemd, which every worker inherits. */
  readonly handle?: object
}

export class ListenerPool {
  readonly #all = new Map<string, PooledListener>()
  readonly #files: ListenerEntry[] = []
  #isClosed = false
  /** The listeners that the timer reports, unless a worker serves them first. */
  #unserved: { readonly names: string; readonly timer: NodeJS.Timeout } | undefined

  /** Adds the sockets from systemd. */
  add(inherited: readonly { readonly entry: ListenerEntry; readonly adopted: AdoptedListener }[]): void {
    for (const { entry, adopted } of inherited) {
      // A program that uses sd_listen_fds(3) requests the listener by its descriptor number.
      const held = `fd:${entry.fd}`
      this.#all.set(held, { entry: { ...entry, held }, listener: adopted })
    }
  }

  /** Called when a worker has bound a listener. Sends it to the other workers. */
  onBound(by: Worker, entry: ListenerEntry, handle: object | undefined, workers: Iterable<Worker>): void {
    const { held: name } = entry
    if (!handle || name === undefined) return
    const listener = adoptHandle(handle)
    const isBoundThere =
      listener.tcp?.port === entry.tcp?.port && listener.tcp?.address === entry.tcp?.address
    if (this.#all.has(name) || !isBoundThere) {
      listener.close()
      return
    }
    this.#all.set(name, { entry: { ...entry, fd: listener.fd }, listener, handle })
    by.addListener(name)
    if (this.#isClosed) this.closeAll()
    for (const worker of workers) if (worker.isRegistered && !worker.isLeaving) this.offer(worker, [name])
  }

  /** Sends a worker the listeners that other workers have bound since it started. */
  offer(worker: Worker, names: Iterable<string> = this.#all.keys()): void {
    for (const name of names) {
      const pooled = this.#all.get(name)
      if (worker.hasListener(name) || !pooled?.handle) continue
      worker.addListener(name)
      worker.send({ type: 'listener', entry: pooled.entry }, pooled.handle)
    }
  }

  /** Called when a program has closed a listener. Closes it if no worker serves it: clients would wait forever. */
  onClosed(name: string, workers: ReadonlySet<Worker>): void {
    const isServed = [...workers].some((worker) => !worker.isLeaving && worker.serves.has(name))
    if (!isServed) this.close([name], workers)
  }

  /**
   * Reports the listeners that no worker serves, after a delay: a program may listen late. `serving` is empty unless
   * all workers serve.
   */
  watchUnserved(serving: readonly Worker[], onUnserved: (names: readonly string[]) => void): void {
    const served = new Set(serving.flatMap(({ serves }) => [...serves]))
    const names = serving.length === 0 ? [] : [...this.#all.keys()].filter((name) => !served.has(name))
    if ((this.#unserved?.names ?? '') === names.join()) return
    clearTimeout(this.#unserved?.timer)
    this.#unserved = undefined
    if (names.length === 0) return
    const timer = setTimeout(() => onUnserved(names), unservedMs)
    this.#unserved = { names: names.join(), timer }
  }

  /** The listeners that a worker inherits: first those that its predecessor knows, in the same order. */
  entries(known: readonly ListenerEntry[] = []): ListenerEntry[] {
    const names = known.flatMap(({ held }) => (held !== undefined && this.#all.has(held) ? held : []))
    const requested = new Map(known.map((entry) => [entry.held, entry]))
    return [...new Set([...names, ...this.#all.keys()])].map((name) => {
      const { entry } = this.#all.get(name) as PooledListener
      // The predecessor may have requested a different address than the worker that bound it, such as `localhost`.
      return { ...(requested.get(name) ?? entry), fd: entry.fd }
    })
  }

  close(names: readonly string[], workers: Iterable<Worker>): void {
    for (const name of names) {
      const pooled = this.#all.get(name)
      this.#all.delete(name)
      pooled?.listener.close()
      if (pooled?.entry.unix) remove(pooled.entry.unix)
    }
    for (const worker of workers) worker.send({ type: 'close-listeners', held: names })
  }

  /** Closes all listeners at the end of the service. The files of Unix sockets remain until {@link removeFiles}. */
  closeAll(): void {
    this.#isClosed = true
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
