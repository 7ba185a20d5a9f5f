/**
 * Rebalances the open connections of the workers: the busiest worker hands connections to the least busy one. As in a
 * handover, their handles pass through the supervisor.
 */
import {
  closeConnection,
  type Deferred,
  deferred,
  dispatchPart,
  envelope,
  type FromSupervisor,
  type FromWorker,
  type MessageHandlers,
  timeout,
} from '@handover/core/supervision'
import type { Worker } from '../supervisor/worker.js'
import type { MessageOf, OfRebalancer } from '../supervisor/worker-messages.js'
import { ofType } from './of-type.js'

/** The fewest connections that a share hands over, ... */
const minConnections = 4
/** ... and the smallest fraction of the mean number of connections. */
const minFraction = 1 / 8
/** How long a worker may take to confirm that it accepts connections. A worker that hangs gets none. */
const answerMs = 1_000
/** The pause after a share, in which both workers report their new counts. */
const pauseMs = 500
/** How many times a worker that leaves hands over what it has: it may accept connections meanwhile. */
const maxPasses = 3

/** One transfer of connections between two workers. */
interface Share {
  readonly from: Worker
  readonly to: Worker
  readonly connections: number
  readonly number: number
  /** `to` has not yet confirmed the connections up to this number; 0 if it has confirmed all of them. */
  unconfirmed: number
  accepted: number
  readonly pauseMs: number
  readonly ended: Deferred<void>
  /** Limits the wait for `to`, and later ends the pause after the share. */
  timer?: NodeJS.Timeout
}

export class Rebalancer {
  /** How many connections each worker could hand over, as it last reported. */
  readonly #shareable = new WeakMap<Worker, number>()
  #share: Share | undefined
  #lastNumber = 0
  readonly #onDone: () => void
  readonly #handlers: MessageHandlers<OfRebalancer, [worker: Worker, handle: object | undefined]> = {
    shareable: ({ connections }, worker) => this.#shareable.set(worker, connections),
    'to-peer': (message, worker, handle) => this.#pass(worker, message, handle),
    'sent-to-peer': (message, worker) => this.#requestReceipt(worker, message),
    'can-accept': (_, worker) => this.#begin(worker),
    'peer-accepted': (message, worker) => this.#passReceipt(worker, message),
    shared: (_, worker) => this.#onShared(worker),
  }

  /** `onDone` is called after each share, when another one can begin. */
  constructor(onDone: () => void) {
    this.#onDone = onDone
  }

  /** `serving` is empty unless all workers serve and no reload is under way. */
  rebalance(serving: readonly Worker[]): void {
    const able = serving.filter((worker) => this.#shareable.has(worker))
    if (this.#share || able.length < 2) return
    const open = (worker: Worker) => this.#shareable.get(worker) ?? 0
    able.sort((one, other) => open(other) - open(one))
    const [from, to] = [able[0] as Worker, able.at(-1) as Worker]
    const mean = able.reduce((sum, worker) => sum + open(worker), 0) / able.length
    const connections = Math.floor(Math.min(open(from) - mean, mean - open(to)))
    if (connections < Math.max(minConnections, mean * minFraction)) return
    this.#start(from, to, connections, pauseMs)
  }

  /**
   * Hands the connections of `from`, which is about to leave, to the other workers. Resolves when it has none that can
   * move; it may still accept some. Calls `onMoved` with their number after each share. Call this method while no other
   * rebalancing begins.
   */
  async empty(from: Worker, others: readonly Worker[], onMoved: (count: number) => void): Promise<void> {
    while (this.#share) await this.#share.ended.promise
    for (let pass = 0; pass < maxPasses; pass++) {
      await Promise.all([from, ...others].map(freshNumber))
      const able = others.filter((worker) => this.#shareable.has(worker) && !worker.isLeaving)
      let left = this.#shareable.get(from) ?? 0
      for (const [i, to] of able.entries()) {
        const connections = Math.ceil(left / (able.length - i))
        if (connections === 0 || from.isLeaving) return
        const share = this.#start(from, to, connections, 0)
        await share.ended.promise
        left -= share.accepted
        onMoved(share.accepted)
      }
    }
  }

  #start(from: Worker, to: Worker, connections: number, pauseMs: number): Share {
    const counts = { number: ++this.#lastNumber, unconfirmed: 0, accepted: 0 }
    const share: Share = { from, to, connections, ...counts, pauseMs, ended: deferred() }
    this.#share = share
    this.#endAfter(share, answerMs, to)
    to.send({ type: 'can-accept' })
    return share
  }

  onMessage(worker: Worker, message: FromWorker, handle: object | undefined): void {
    dispatchPart(message, this.#handlers, worker, handle)
  }

  /** If `to` has exited, connections that it had not confirmed return to `from`. */
  onExit(worker: Worker): void {
    const share = this.#share
    if (!share || (share.from !== worker && share.to !== worker)) return
    if (share.to === worker) this.#refuse(share.from, share.number, share.unconfirmed)
    this.#endAfter(share, share.pauseMs)
  }

  /** `by` can accept connections. */
  #begin(by: Worker): void {
    if (this.#share?.to !== by) return
    const { timer, from, connections, number } = this.#share
    clearTimeout(timer)
    from.send({ type: 'share', share: number, connections })
  }

  #onShared(by: Worker): void {
    const share = this.#share
    if (share?.from === by) this.#endAfter(share, share.pauseMs, share.accepted === 0 ? by : undefined)
  }

  #pass(by: Worker, message: MessageOf<'to-peer'>, handle: object | undefined): void {
    const share = this.#share
    const close = () => handle && closeConnection(handle)
    if (handle && this.#isFrom(by, message) && share && !share.to.isLeaving) {
      share.to.sendRaw(envelope<FromSupervisor>({ ...message, type: 'from-peer' }), handle, close)
    } else close()
  }

  /** The receipt lists the connections that arrived. The others were lost on either side of the supervisor. */
  #requestReceipt(by: Worker, message: MessageOf<'sent-to-peer'>): void {
    const share = this.#share
    if (share && this.#isFrom(by, message) && !share.to.hasExited) {
      share.unconfirmed = message.upTo
      share.to.send(message)
    } else this.#refuse(by, message.share, message.upTo)
  }

  #passReceipt(by: Worker, message: MessageOf<'peer-accepted'>): void {
    const share = this.#share
    if (share?.to !== by || message.share !== share.number) return
    if (message.upTo >= share.unconfirmed) share.unconfirmed = 0
    share.accepted += message.numbers.length
    share.from.send(message)
  }

  #isFrom(by: Worker, { share }: { readonly share: number }): boolean {
    return this.#share?.from === by && this.#share.number === share
  }

  #refuse(from: Worker, share: number, upTo: number): void {
    if (upTo > 0) from.send({ type: 'peer-accepted', share, numbers: [], upTo })
  }

  /** Ends the share after a pause. Ignores `unable` until that worker reports its count again. */
  #endAfter(share: Share, ms: number, unable?: Worker): void {
    clearTimeout(share.timer)
    share.timer = setTimeout(() => {
      if (unable) this.#shareable.delete(unable)
      this.#share = undefined
      share.ended.resolve()
      this.#onDone()
    }, ms)
    share.timer.unref()
  }
}

/** Makes the worker report its number of connections. A worker that hangs, or moves no connections, does not report it. */
async function freshNumber(worker: Worker): Promise<void> {
  const reported = worker.waitFor(ofType('shareable'))
  worker.send({ type: 'rebalance' })
  await timeout(answerMs, reported).catch(() => {})
}
