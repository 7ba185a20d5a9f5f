/** How a generation comes to own the service, and when it closes the inherited listeners that no server uses. */
import { HandoverError } from '../base/errors.js'
import type { Predecessor } from '../succession/predecessor.js'
import type { SharedParts } from './shared-parts.js'

/** How many descriptors may be in transit at a time. Unread ones count against a limit of the user (unix(7)). */
const mostDuplicates = 100

export interface TakeOverParts
  extends Pick<SharedParts, 'self' | 'logger' | 'machine' | 'listeners' | 'systemd' | 'predecessor'> {
  /** A supervisor holds the listeners: the predecessor needs no duplicates. */
  readonly isSupervised: () => boolean
  /** Protocols whose open connections this generation can continue. */
  readonly protocols: () => readonly string[]
  /** This release cannot serve. */
  readonly fail: (error: HandoverError) => void
  /** This generation owns the service from now on. */
  readonly onOwner: () => void
  /** The predecessor and systemd know. */
  readonly onAnnounced: () => void
}

export class TakeOver {
  readonly #parts: TakeOverParts

  constructor(parts: TakeOverParts) {
    this.#parts = parts
  }

  /** Whether this generation owns the service: its socket files, PID file and control socket. */
  get ownsService(): boolean {
    return this.#parts.predecessor()?.ownsNothing !== true
  }

  /** Answers the predecessor's question whether this generation can take over, or fails and exits. */
  onTakeOver(): void {
    if (this.#stillServes()) this.#parts.predecessor()?.claim('take-over')
  }

  /** The predecessor gives the service away. */
  onOwn(): void {
    if (this.#stillServes() && this.#parts.predecessor()?.claim('own')) this.own()
  }

  /** The predecessor has stopped serving. */
  onLetGo(): void {
    const { listeners, logger } = this.#parts
    const unclaimed = listeners.unclaimed()
    if (unclaimed.length > 0)
      logger.info({ unclaimed }, `closing inherited listeners that no server uses: ${unclaimed.join(', ')}`)
    listeners.closeUnclaimed()
  }

  /** The predecessor's process has ended, whether or not it had stopped serving. */
  onPredecessorEnded(): void {
    const { name } = this.#parts.machine.state
    if (this.#parts.predecessor()?.claim('predecessor-ended') && name === 'ready') this.own()
    else if (this.ownsService && name !== 'starting') this.onLetGo()
  }

  /** Takes the service over. */
  own(): void {
    const { self, machine, listeners, protocols, systemd, predecessor, onOwner, onAnnounced } = this.#parts
    const before = predecessor()
    machine.dispatch({ name: 'proven' })
    onOwner()
    if (before && !before.hasEnded) {
      this.#giveDuplicates(before)
      // The predecessor informs systemd and closes its listeners before it asks us to close the unused ones.
      const served = {
        listeners: listeners.claimed.fds(),
        http1: listeners.claimed.http1Fds(),
        protocols: protocols(),
      }
      void before.say({ type: 'took-over', ...served })
    } else {
      void systemd.ready(self.number)
      this.onLetGo()
    }
    onAnnounced()
  }

  /** Whether this release still serves the inherited listeners that it used. If not, it fails. */
  #stillServes(): boolean {
    const { machine, listeners, fail } = this.#parts
    if (!machine.isOnProbation) return false
    const unused = listeners.unusedInherited()
    const stopped = listeners.claimed.stopped()
    if (unused.length > 0) fail(otherAddress(unused))
    else if (stopped.length > 0) fail(notListening(stopped))
    return unused.length === 0 && stopped.length === 0
  }

  /** Lets the predecessor serve again if this generation dies while the predecessor drains. */
  #giveDuplicates(predecessor: Predecessor): void {
    const { listeners, isSupervised } = this.#parts
    if (isSupervised()) return
    for (const [fd, handle] of listeners.claimed.handles().slice(0, mostDuplicates))
      predecessor.giveDuplicate(fd, handle)
  }
}

function otherAddress(unclaimed: readonly string[]): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_OTHER_ADDRESS',
    `It listens elsewhere: not on ${unclaimed.join(', ')}, nor on anything else that its predecessor serves. To ` +
      'change the address, let one release listen on both, or stop and start the service.',
    { unclaimed },
  )
}

function notListening(stopped: readonly string[]): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_NOT_LISTENING',
    `It closed ${stopped.join(', ')} within its probation, so nothing would serve there.`,
    { stopped },
  )
}
