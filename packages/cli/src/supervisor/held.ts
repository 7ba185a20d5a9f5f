/**
 * The listeners of all workers, held without accepting: the kernel queues connections on them while no worker is
 * there, and each worker that starts inherits them.
 */
import { type AdoptedListener, adoptHandle, type ListenerEntry, remove } from '@handover/core/supervision'

interface Held {
  readonly entry: ListenerEntry
  readonly listener: AdoptedListener
  /** To be sent to a worker; absent of what systemd gave, which all have from the start. */
  readonly handle?: object
}

/** With the name by which a worker knows it. */
type Named = ListenerEntry & { readonly held: string }

export class HeldListeners {
  readonly #all = new Map<string, Held>()
  readonly #files: ListenerEntry[] = []

  /** Those of socket activation. */
  hold(inherited: readonly { readonly entry: ListenerEntry; readonly adopted: AdoptedListener }[]): void {
    for (const [i, { entry, adopted }] of inherited.entries()) {
      const held = `activated:${i}`
      this.#all.set(held, { entry: { ...entry, held }, listener: adopted })
    }
  }

  /** A worker has bound it. */
  add(entry: ListenerEntry, handle: object): void {
    const listener = adoptHandle(handle)
    this.#all.set(entry.held ?? '', { entry: { ...entry, fd: listener.fd }, listener, handle })
  }

  get names(): string[] {
    return [...this.#all.keys()]
  }

  /** As a worker inherits them: those in the order in which its predecessor knows them, then all others. */
  entries(known: readonly ListenerEntry[] = []): ListenerEntry[] {
    const names = known.flatMap(({ held }) => (held !== undefined && this.#all.has(held) ? held : []))
    return [...new Set([...names, ...this.#all.keys()])].map((name) => {
      const { entry } = this.#all.get(name) as Held
      // What was asked for may have changed since, as when a release says `localhost` instead.
      return { ...(known.find(({ held }) => held === name) ?? entry), fd: entry.fd }
    })
  }

  /** To be sent to a worker that was started before they were bound. */
  later(names: ReadonlySet<string>): { readonly entry: Named; readonly handle: object }[] {
    return [...this.#all].flatMap(([held, { entry, handle }]) =>
      names.has(held) || !handle ? [] : { entry: { ...entry, held }, handle },
    )
  }

  /** Nobody serves these: who connects shall be refused, not wait for ever. */
  close(names: readonly string[]): void {
    for (const name of names) {
      const held = this.#all.get(name)
      if (!held) continue
      this.#all.delete(name)
      held.listener.close()
      if (held.entry.unix) remove(held.entry.unix)
    }
  }

  /** The service ends: its workers close their own. The files of Unix sockets are left until {@link removeFiles}. */
  letGo(): void {
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
