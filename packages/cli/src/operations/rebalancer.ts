/**
 * Evens out the open connections of the workers: the one that has the most gives some to the one that has the fewest.
 * The handles pass through here, as those of a handover do.
 */
import { closeConnection, envelope, type FromSupervisor, type FromWorker } from '@handover/core/supervision'
import type { Worker } from '../supervisor/worker.js'

/** A worker gives when it has so many more than the mean, at least, and more by this share of the mean. */
const leastMore = 4
const leastShare = 1 / 8
/** How long a worker may take to say that it takes some: one that hangs gets none. */
const answerMs = 1_000
/** Until both have told what they have after a share. */
const restMs = 500

/** One at a time. */
interface Share {
  readonly from: Worker
  readonly to: Worker
  readonly connections: number
  readonly number: number
  /** `to` has not yet confirmed the connections up to this number. */
  asked: number
  taken: number
  /** Until `to` has answered, and when it is over. */
  timer?: NodeJS.Timeout
}

export class Rebalancer {
  #share: Share | undefined
  #last = 0
  readonly #onOver: () => void

  /** `onOver` is called when there can be another one. */
  constructor(onOver: () => void) {
    this.#onOver = onOver
  }

  /** Those that `serve`, when all do: no reload is under way, so that each of them stays. */
  rebalance(serving: readonly Worker[]): void {
    const told = serving.filter(({ shareable }) => shareable !== undefined)
    if (this.#share || told.length < 2) return
    told.sort((one, other) => open(other) - open(one))
    const [from, to] = [told[0] as Worker, told.at(-1) as Worker]
    const mean = told.reduce((sum, worker) => sum + open(worker), 0) / told.length
    const connections = Math.floor(Math.min(open(from) - mean, mean - open(to)))
    if (connections < Math.max(leastMore, mean * leastShare)) return
    this.#share = { from, to, connections, number: ++this.#last, asked: 0, taken: 0 }
    this.#endAfter(this.#share, answerMs, to)
    to.say({ type: 'takes' })
  }

  onMessage(worker: Worker, message: FromWorker, handle: object | undefined): void {
    const share = this.#share
    if (message.type === 'shareable') worker.shareable = message.connections
    else if (message.type === 'to-peer') this.#pass(worker, message, handle)
    else if (message.type === 'sent-to-peer') this.#ask(worker, message)
    else if (message.type === 'takes' && share?.to === worker) this.#begin(share)
    else if (message.type === 'peer-has' && share?.to === worker) this.#answer(share, message)
    else if (message.type === 'shared' && share?.from === worker)
      this.#endAfter(share, restMs, share.taken === 0 ? worker : undefined)
  }

  /** What it was given and has not taken comes back. */
  onExit(worker: Worker): void {
    const share = this.#share
    if (!share || (share.from !== worker && share.to !== worker)) return
    if (share.to === worker) this.#refuse(share.from, share.number, share.asked)
    this.#endAfter(share, restMs)
  }

  #begin({ timer, from, connections, number }: Share): void {
    clearTimeout(timer)
    from.say({ type: 'share', share: number, connections })
  }

  #pass(by: Worker, message: Extract<FromWorker, { type: 'to-peer' }>, handle: object | undefined): void {
    const share = this.#share
    const close = () => handle && closeConnection(handle)
    if (handle && this.#isOf(by, message) && share && !share.to.isLeaving) {
      share.to.post(envelope<FromSupervisor>({ ...message, type: 'from-peer' }), handle, close)
    } else close()
  }

  /** Its answer names the connections that arrived. The others were lost before or after the supervisor. */
  #ask(by: Worker, message: Extract<FromWorker, { type: 'sent-to-peer' }>): void {
    const share = this.#share
    if (share && this.#isOf(by, message) && share.to.now.state !== 'exited') {
      share.asked = message.upTo
      share.to.say(message)
    } else this.#refuse(by, message.share, message.upTo)
  }

  #answer(share: Share, message: Extract<FromWorker, { type: 'peer-has' }>): void {
    if (message.share !== share.number) return
    if (message.upTo >= share.asked) share.asked = 0
    share.taken += message.numbers.length
    share.from.say(message)
  }

  #isOf(by: Worker, { share }: { readonly share: number }): boolean {
    return this.#share?.from === by && this.#share.number === share
  }

  #refuse(from: Worker, share: number, upTo: number): void {
    if (upTo > 0) from.say({ type: 'peer-has', share, numbers: [], upTo })
  }

  /** `unable` is left out until it tells of itself again. */
  #endAfter(share: Share, ms: number, unable?: Worker): void {
    clearTimeout(share.timer)
    share.timer = setTimeout(() => {
      if (unable) unable.shareable = undefined
      this.#share = undefined
      this.#onOver()
    }, ms)
    share.timer.unref()
  }
}

const open = ({ shareable = 0 }: Worker): number => shareable
