/** The inherited listeners that no server of this process has claimed. */

import { identityOf, remove } from '../platform/socket-file.js'
import type { ListenerEntry } from '../protocol/inheritance.js'
import type { Inherited } from './inherited.js'
import { readListenCall, serves, type Wanted } from './listen-address.js'
import { describe } from './listen-errors.js'

export class Unclaimed {
  #all: readonly Inherited[]
  readonly #cwd: string

  /** `cwd` resolves relative socket paths. */
  constructor(inherited: readonly Inherited[], cwd: string) {
    this.#all = inherited
    this.#cwd = cwd
  }

  add(inherited: Inherited): void {
    this.#all = [...this.#all, inherited]
  }

  /** Removes and returns the listener with this key or, without one, the listener bound to this address. */
  claim(wanted: Wanted): Inherited | undefined {
    return (
      // If a restored socket replaced one with a removed file, the restored one comes first.
      this.#take((entry) => !entry.control && entry.key === wanted.key && isInPlace(entry)) ??
      this.#take((entry) => !entry.control && entry.key === wanted.key) ??
      this.#take((entry) => !entry.control && isAt(entry, wanted, this.#cwd))
    )
  }

  /** The control socket, if the predecessor served it at that path. */
  claimControl(key: string): Inherited | undefined {
    return this.#take((entry) => entry.control === true && entry.key === key)
  }

  /** Describes all of them except the control socket. */
  describe(): string[] {
    return this.#describe(() => true)
  }

  /** As {@link describe}, without those that a supervisor keeps too. */
  describeUnsupervised(): string[] {
    return this.#describe(({ held }) => held === undefined)
  }

  /** Removes socket files too, unless a supervisor keeps the socket. */
  close(isMeant: (entry: ListenerEntry) => boolean): void {
    const closing = this.#all.filter(({ entry }) => isMeant(entry))
    this.#all = this.#all.filter((each) => !closing.includes(each))
    for (const { entry, adopted } of closing) {
      adopted.close()
      if (entry.unix && entry.held === undefined) remove(entry.unix)
    }
  }

  #describe(isMeant: (entry: ListenerEntry) => boolean): string[] {
    const entries = this.#all.map(({ entry }) => entry)
    return entries.filter((entry) => !entry.control && isMeant(entry)).map(describe)
  }

  #take(isIt: (entry: ListenerEntry) => boolean): Inherited | undefined {
    const found = this.#all.find(({ entry }) => isIt(entry))
    if (found) this.#all = this.#all.filter((each) => each !== found)
    return found
  }
}

const isInPlace = ({ unix }: ListenerEntry): boolean =>
  unix?.identity !== undefined && identityOf(unix.path) === unix.identity

/** Whether an inherited listener is bound to the wanted address, though the predecessor's `listen` call had another key. */
function isAt(entry: ListenerEntry, wanted: Wanted, cwd: string): boolean {
  // A program that follows sd_listen_fds(3) passes the descriptor to `listen`, in every generation the same number.
  // Under a supervisor `held` has the number from systemd; the descriptor in this process is another one.
  const key = entry.held ?? `fd:${entry.fd}`
  if (wanted.key === key) return entry.systemd !== undefined
  if (wanted.kind === 'tcp') return entry.tcp !== undefined && wanted.port !== 0 && serves(entry.tcp, wanted)
  return (
    wanted.kind === 'unix' &&
    entry.unix !== undefined &&
    wanted.key === readListenCall([entry.unix.path], cwd).wanted.key
  )
}
