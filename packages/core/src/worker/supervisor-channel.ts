/** The channel to the supervisor that started this process. */
import type { SendHandle } from 'node:child_process'
import { withoutHandleQueue } from '../platform/ipc-channel.js'
import type { Platform, ProcessIdentity } from '../platform/process.js'
import { envelope } from '../protocol/message-table.js'
import type { FromWorker } from '../protocol/supervisor-messages.js'

/** How often to check whether a supervisor with a closed channel still runs. */
const askAgainMs = 250

/** `error`: the message could not be sent. */
export type Sent = (error: Error | null) => void

export interface ChannelEvents {
  onMessage(raw: unknown, handle: unknown): void
  /** The process of the supervisor has ended. */
  onGone(): void
}

export class SupervisorChannel {
  readonly #supervisor: ProcessIdentity
  readonly #platform: Platform

  constructor(supervisor: ProcessIdentity, platform: Platform) {
    this.#supervisor = supervisor
    this.#platform = platform
  }

  /** Whether the supervisor runs. Without it this process ends. */
  get alive(): boolean {
    return this.#platform.isSame(this.#supervisor)
  }

  listen({ onMessage, onGone }: ChannelEvents): void {
    const channel = this.#platform.channel()
    if (!channel?.connected) {
      queueMicrotask(() => this.#whenGone(onGone))
      return
    }
    withoutHandleQueue(channel)
    channel.on('message', onMessage)
    channel.once('disconnect', () => this.#whenGone(onGone))
    channel.channel?.unref()
  }

  post(message: FromWorker, handle?: object, done?: Sent): void {
    this.send(envelope<FromWorker>(message), handle, done)
  }

  send(message: object, handle?: object, done: Sent = () => {}): void {
    const channel = this.#platform.channel()
    if (!channel?.connected || !channel.send) done(new Error('the supervisor has gone'))
    else channel.send(message, handle as SendHandle, {}, done)
  }

  /** A closed channel does not prove that the process has ended. Checks that until it has. */
  #whenGone(onGone: () => void): void {
    if (this.alive) setTimeout(() => this.#whenGone(onGone), askAgainMs).unref()
    else onGone()
  }
}
