/** What was inherited, and what no server of this process has asked for yet. */

import { identityOf, remove } from '../platform/socket-file.js'
import type { Inherited } from '../platform/systemd-notify.js'
import type { ListenerEntry } from '../protocol/inheritance.js'
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

  /** One more, which a process beside this one has bound. */
  add(inherited: Inherited): void {
    this.#all = [...this.#all, inherited]
  }

  /** The inherited listener for what is wanted: asked for in the same words before, or bound to that address. */
  claim(wanted: Wanted): Inherited | undefined {
    return (
      // If a restored socket replaced one with a removed file, the restored one comes first.
      this.#take((entry) => !entry.control && entry.key === wanted.key && isInPlace(entry)) ??
      this.#take((entry) => !entry.control && entry.key === wanted.key) ??
      this.#take((entry) => !entry.control && isAt(entry, wanted, this.#cwd))
    )
  }

  /** The control socket, if the predecessor had it at that path. */
  claimControl(key: string): Inherited | undefined {
    return this.#take((entry) => entry.control === true && entry.key === key)
  }

  /** Those that are meant for servers of the application, in words. */
  inWords(isMeant: (entry: ListenerEntry) => boolean = () => true): string[] {
    const entries = this.#all.map(({ entry }) => entry)
    return entries.filter((entry) => !entry.control && isMeant(entry)).map(describe)
  }

  /** Gives them back to the kernel. The files of Unix sockets go too, where nobody holds them on. */
  close(isMeant: (entry: ListenerEntry) => boolean): void {
    const closing = this.#all.filter(({ entry }) => isMeant(entry))
    this.#all = this.#all.filter((each) => !closing.includes(each))
    for (const { entry, adopted } of closing) {
      adopted.close()
      if (entry.unix && entry.held === undefined) remove(entry.unix)
    }
  }

  #take(isIt: (entry: ListenerEntry) => boolean): Inherited | undefined {
    const found = this.#all.find(({ entry }) => isIt(entry))
    if (found) this.#all = this.#all.filter((each) => each !== found)
    return found
  }
}

const isInPlace = ({ unix }: ListenerEntry): boolean =>
  unix?.identity !== undefined && identityOf(unix.path) === unix.identity

/** Whether an inherited listener is bound to what is wanted, though it was asked for in other words. */
function isAt(entry: ListenerEntry, wanted: Wanted, cwd: string): boolean {
  // A program that knows sd_listen_fds(3) asks for the descriptor. Later generations ask in the same words.
  // Under a supervisor `held` has the number from systemd; in this process it has another number.
  const number = entry.held ?? `fd:${entry.fd}`
  if (wanted.key === number) return entry.systemd !== undefined
  if (wanted.kind === 'tcp') return entry.tcp !== undefined && wanted.port !== 0 && serves(entry.tcp, wanted)
  return (
    wanted.kind === 'unix' &&
    entry.unix !== undefined &&
    wanted.key === readListenCall([entry.unix.path], cwd).wanted.key
  )
}
