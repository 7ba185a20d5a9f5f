/** The inherited listeners that no server of this process has claimed. */
import { identityOf, remove } from '../platform/socket-file.js'
import type { ListenerEntry } from '../protocol/inheritance.js'
import type { Inherited } from './inherited.js'
import { type RequestedAddress, readListenCall, serves } from './listen-address.js'
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
  claim(requested: RequestedAddress): Inherited | undefined {
    const hasKey = (entry: ListenerEntry) => !entry.control && entry.key === requested.key
    return (
      // A socket restored after its file was removed has the same key as the old one. It comes first.
      this.#take((entry) => hasKey(entry) && isInPlace(entry)) ??
      this.#take(hasKey) ??
      this.#take((entry) => !entry.control && isAt(entry, requested, this.#cwd))
    )
  }

  /** The control socket, if the predecessor served it at that path. */
  claimControl(key: string): Inherited | undefined {
    return this.#take((entry) => entry.control === true && entry.key === key)
  }

  /** Describes all of them except the control socket. Without `held`, omits those that a supervisor holds. */
  describe({ held }: { readonly held: boolean }): string[] {
    const entries = this.#all.map(({ entry }) => entry)
    return entries.filter((entry) => !entry.control && (held || entry.held === undefined)).map(describe)
  }

  /** Also removes the socket files of those that no supervisor holds. */
  close(matches: (entry: ListenerEntry) => boolean): void {
    const closing = this.#all.filter(({ entry }) => matches(entry))
    this.#all = this.#all.filter((each) => !closing.includes(each))
    for (const { entry, adopted } of closing) {
      adopted.close()
      if (entry.unix && entry.held === undefined) remove(entry.unix)
    }
  }

  #take(matches: (entry: ListenerEntry) => boolean): Inherited | undefined {
    const found = this.#all.find(({ entry }) => matches(entry))
    if (found) this.#all = this.#all.filter((each) => each !== found)
    return found
  }
}

const isInPlace = ({ unix }: ListenerEntry): boolean =>
  unix?.identity !== undefined && identityOf(unix.path) === unix.identity

/** Whether an inherited listener is bound to the requested address, though the predecessor used another key for it. */
function isAt(entry: ListenerEntry, requested: RequestedAddress, cwd: string): boolean {
  // A program that follows sd_listen_fds(3) passes the descriptor to `listen`: the same number in every generation.
  // Under a supervisor `held` has the number from systemd; the descriptor in this process is another one.
  if (requested.key === (entry.held ?? `fd:${entry.fd}`)) return entry.systemd !== undefined
  if (requested.kind === 'tcp')
    return entry.tcp !== undefined && requested.port !== 0 && serves(entry.tcp, requested)
  return (
    requested.kind === 'unix' &&
    entry.unix !== undefined &&
    requested.key === readListenCall([entry.unix.path], cwd).requested.key
  )
}
