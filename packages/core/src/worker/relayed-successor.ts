/**
 * A successor that the supervisor has started for this process, in the shape of a child process: only whoever
 * starts a process can reap it, and the supervisor outlives us.
 */
import { EventEmitter } from 'node:events'
import { type ErrorData, HandoverError, type HandoverErrorCode } from '../base/errors.js'
import type { FromSupervisor, FromWorker } from '../protocol/supervisor-messages.js'
import type { SuccessorProcess } from '../succession/successor-process.js'

/** What the supervisor says of a successor. */
export type OfSuccessor = Extract<FromSupervisor, { readonly successor: number }>

/** Sends to the supervisor; `done` when the message is out, or cannot get out. */
export type Post = (message: FromWorker, handle?: object, done?: (error: Error | null) => void) => void

export class RelayedChild extends EventEmitter implements SuccessorProcess {
  pid: number | undefined
  connected = true
  readonly channel = null
  readonly #id: number
  readonly #post: Post

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

  /** It keeps the supervisor, not us. */
  unref(): void {}

  hear(message: OfSuccessor): void {
    if (message.type === 'successor-started') this.pid = message.pid
    else if (message.type === 'from-successor') this.emit('message', message.message)
    else if (message.type === 'successor-refused') this.#end(() => this.emit('error', refused(message.error)))
    else this.#end(() => this.emit('exit', message.code, message.signal))
  }

  /** The supervisor has gone, and nobody can say what has become of it. */
  lose(): void {
    this.#end(() => this.emit('exit', null, null))
  }

  #end(tell: () => void): void {
    if (!this.connected) return
    this.connected = false
    tell()
    this.emit('disconnect')
  }
}

function refused({ code, message }: ErrorData): HandoverError {
  return new HandoverError((code ?? 'ERR_HANDOVER_SPAWN') as HandoverErrorCode, message)
}
