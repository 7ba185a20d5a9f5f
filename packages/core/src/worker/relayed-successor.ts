/**
 * A successor that the supervisor has started for this process, in the shape of a child process. Only the process that
 * starts another one can reap it, and the supervisor outlives this one.
 */
import { EventEmitter } from 'node:events'
import type { ErrorData } from '../base/error-data.js'
import { HandoverError, type HandoverErrorCode } from '../base/errors.js'
import { dispatch, type MessageHandlers } from '../protocol/message-table.js'
import type { FromSupervisor, FromWorker } from '../protocol/supervisor-messages.js'
import type { SuccessorProcess } from '../succession/successor-process.js'

/** A message of the supervisor about a successor. */
export type OfSuccessor = Extract<FromSupervisor, { readonly successor: number }>

/** Sends a message to the supervisor. Calls `done` when it is sent, or cannot be. */
export type Post = (message: FromWorker, handle?: object, done?: (error: Error | null) => void) => void

export class RelayedChild extends EventEmitter implements SuccessorProcess {
  pid: number | undefined
  connected = true
  readonly channel = null
  readonly #id: number
  readonly #post: Post
  readonly #handlers: MessageHandlers<OfSuccessor> = {
    'successor-started': ({ pid }) => {
      this.pid = pid
    },
    'from-successor': ({ message }) => this.emit('message', message),
    'successor-refused': ({ error }) => this.#end(() => this.emit('error', refused(error))),
    'successor-ended': ({ code, signal }) => this.#end(() => this.emit('exit', code, signal)),
  }

  constructor(id: number, post: Post) {
    super()
    this.#id = id
    this.#post = post
  }

  send(message: object, handle: object | undefined, _: object, done: (error: Error | null) => void): boolean {
    this.#post({ type: 'to-successor', successor: this.#id, message }, handle, done)
    return true
  }

  kill(signal: NodeJS.Signals): boolean {
    this.#post({ type: 'signal-successor', successor: this.#id, signal })
    return true
  }

  /** The successor keeps the supervisor running, not this process. */
  unref(): void {}

  hear(message: OfSuccessor): void {
    dispatch(message, this.#handlers, undefined)
  }

  /** The supervisor has gone: the outcome of the successor is unknown. */
  lose(): void {
    this.#end(() => this.emit('exit', null, null))
  }

  #end(notify: () => void): void {
    if (!this.connected) return
    this.connected = false
    notify()
    this.emit('disconnect')
  }
}

function refused({ code, message }: ErrorData): HandoverError {
  return new HandoverError((code ?? 'ERR_HANDOVER_SPAWN') as HandoverErrorCode, message)
}
