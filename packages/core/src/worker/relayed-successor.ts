/**
 * A successor that the supervisor has started for this process, with the interface of a child process. Only the process
 * that starts another one can reap it, and the supervisor outlives this one.
 */
import { EventEmitter } from 'node:events'
import { HandoverError, type HandoverErrorCode } from '../base/errors.js'
import { dispatch, type MessageHandlers } from '../protocol/message-table.js'
import type { FromSupervisor } from '../protocol/supervisor-messages.js'
import type { SuccessorProcess } from '../succession/successor-process.js'
import type { Post } from './supervisor-channel.js'

/** A message of the supervisor about a successor. */
export type OfSuccessor = Extract<FromSupervisor, { readonly successor: number }>

export class RelayedSuccessor extends EventEmitter implements SuccessorProcess {
  pid: number | undefined
  connected = true
  readonly channel = null
  readonly id: number
  readonly #post: Post
  readonly #handlers: MessageHandlers<OfSuccessor> = {
    'successor-started': ({ pid }) => {
      this.pid = pid
    },
    'from-successor': ({ message }) => this.emit('message', message),
    'successor-refused': ({ error: { code = 'ERR_HANDOVER_SPAWN', message } }) =>
      this.#end(() => this.emit('error', new HandoverError(code as HandoverErrorCode, message))),
    'successor-ended': ({ code, signal }) => this.#end(() => this.emit('exit', code, signal)),
  }

  constructor(id: number, post: Post) {
    super()
    this.id = id
    this.#post = post
  }

  send(message: object, handle: object | undefined, _: object, done: (error: Error | null) => void): boolean {
    this.#post({ type: 'to-successor', successor: this.id, message }, handle, done)
    return true
  }

  kill(signal: NodeJS.Signals): boolean {
    this.#post({ type: 'signal-successor', successor: this.id, signal })
    return true
  }

  /** The successor keeps the supervisor running, not this process. */
  unref(): void {}

  receive(message: OfSuccessor): void {
    dispatch(message, this.#handlers, undefined)
  }

  /** The supervisor has exited: the outcome of the successor is unknown. */
  abandon(): void {
    this.#end(() => this.emit('exit', null, null))
  }

  #end(notify: () => void): void {
    if (!this.connected) return
    this.connected = false
    notify()
    this.emit('disconnect')
  }
}
