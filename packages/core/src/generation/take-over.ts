/** How a generation takes over the service, and when it closes the inherited listeners that no server uses. */
import { HandoverError } from '../base/errors.js'
import type { Predecessor } from '../succession/predecessor.js'
import type { StepParts } from './shared-parts.js'

/** The maximum number of descriptors in transit. Unread descriptors count against a limit of the user (unix(7)). */
const maxDuplicates = 100

export interface TakeOverParts
  extends StepParts<'listeners' | 'incoming' | 'systemd' | 'predecessor' | 'supervised'> {
  /** Reports that this release cannot serve, and ends the process. */
  readonly fail: (error: HandoverError) => void
  /** This generation owns the service from now on. */
  readonly onOwner: () => void
  /** The predecessor and systemd have been notified. */
  readonly onAnnounced: () => void
}

export class TakeOver {
  readonly #parts: TakeOverParts

  constructor(parts: TakeOverParts) {
    this.#parts = parts
  }

  /** Whether this generation owns the service: its socket files, PID file and control socket. */
  get ownsService(): boolean {
    return this.#parts.predecessor()?.hasGivenService ?? true
  }

  /** The predecessor asks whether this generation can take over. Answers, or fails and exits. */
  onTakeOver(): void {
    if (this.#stillServes()) this.#parts.predecessor()?.claim('take-over')
  }

  /** The predecessor hands the service to this generation. */
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

  own(): void {
    const { self, machine, listeners, incoming, systemd, predecessor, onOwner, onAnnounced } = this.#parts
    const before = predecessor()
    machine.dispatch({ name: 'proven' })
    onOwner()
    if (before && !before.hasEnded) {
      this.#giveDuplicates(before)
      // The predecessor notifies systemd and closes its listeners. Then it sends `let-go`.
      const { claimed } = listeners
      const served = { listeners: claimed.fds(), http1: claimed.http1Fds(), protocols: incoming.protocols }
      void before.send({ type: 'took-over', ...served })
    } else {
      void systemd.ready(self.number)
      this.onLetGo()
    }
    onAnnounced()
  }

  /** Whether this release claimed an inherited listener, and still listens on all that it claimed. If not, fails. */
  #stillServes(): boolean {
    const { machine, listeners, fail } = this.#parts
    if (!machine.isOnProbation) return false
    const unused = listeners.unusedInherited()
    const stopped = listeners.claimed.stopped()
    if (unused.length > 0) fail(otherAddress(unused))
    else if (stopped.length > 0) fail(notListening(stopped))
    return unused.length === 0 && stopped.length === 0
  }

  /** The predecessor needs duplicates to serve again if this generation dies. A supervisor holds the listeners itself. */
  #giveDuplicates(predecessor: Predecessor): void {
    const { listeners, supervised } = this.#parts
    if (supervised() !== 'no') return
    for (const [fd, handle] of listeners.claimed.handles().slice(0, maxDuplicates))
      void predecessor.send({ type: 'duplicate', listener: fd }, handle)
  }
}

function otherAddress(unclaimed: readonly string[]): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_OTHER_ADDRESS',
    `This release listens on none of its predecessor's addresses (${unclaimed.join(', ')}). To change the address, ` +
      'first deploy a release that listens on both, or stop and start the service.',
    { unclaimed },
  )
}

function notListening(stopped: readonly string[]): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_NOT_LISTENING',
    `This release stopped listening on ${stopped.join(', ')} within its probation: no process would serve there.`,
    { stopped },
  )
}
