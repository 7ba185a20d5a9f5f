/** The channel to the supervisor that started this process. */
import type { SendHandle } from 'node:child_process'
import { withoutHandleQueue } from '../platform/ipc-channel.js'
import type { Platform, ProcessIdentity } from '../platform/process.js'
import { envelope } from '../protocol/message-table.js'
import type { FromWorker } from '../protocol/supervisor-messages.js'

/** How often to check whether a supervisor with a closed channel still runs. */
const checkMs = 250

/** Called when a message has been sent, or with the reason why it cannot be sent. */
type Sent = (error: Error | null) => void

/** Sends a message to the supervisor. */
export type Post = (message: FromWorker, handle?: object, done?: Sent) => void

export interface ChannelEvents {
  onMessage(raw: unknown, handle: unknown): void
  /** The process of the supervisor has ended. */
  onEnded(): void
}

export class SupervisorChannel {
  readonly #supervisor: ProcessIdentity
  readonly #platform: Platform

  constructor(supervisor: ProcessIdentity, platform: Platform) {
    this.#supervisor = supervisor
    this.#platform = platform
  }

  /** Whether the supervisor runs. Without a supervisor this process ends. */
  get isAlive(): boolean {
    return this.#platform.isSame(this.#supervisor)
  }

  listen({ onMessage, onEnded }: ChannelEvents): void {
    const channel = this.#platform.channel()
    if (!channel?.connected) {
      queueMicrotask(() => this.#awaitEnd(onEnded))
      return
    }
    withoutHandleQueue(channel)
    channel.on('message', onMessage)
    channel.once('disconnect', () => this.#awaitEnd(onEnded))
    channel.channel?.unref()
  }

  readonly post: Post = (message, handle, done) => this.send(envelope<FromWorker>(message), handle, done)

  send(message: object, handle?: object, done: Sent = () => {}): void {
    const channel = this.#platform.channel()
    if (!channel?.connected || !channel.send) done(new Error('the channel to the supervisor is closed'))
    else channel.send(message, handle as SendHandle, {}, done)
  }

  /** A closed channel does not prove that the process has ended, so this checks until it has. */
  #awaitEnd(onEnded: () => void): void {
    if (this.isAlive) setTimeout(() => this.#awaitEnd(onEnded), checkMs).unref()
    else onEnded()
  }
}
