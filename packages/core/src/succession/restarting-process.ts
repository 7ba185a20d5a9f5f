/** The process of a successor: starts it, restarts it if a reload signal ends it while it boots, and reports its end. */
import type { SendHandle } from 'node:child_process'
import { deferred } from '../base/deferred.js'
import { HandoverError } from '../base/errors.js'
import { timeout } from '../base/timeouts.js'
import type { Exit } from './successor-errors.js'
import { notStarted, type SuccessorProcess } from './successor-process.js'

/** How long after its channel closes a successor may take to exit. */
const exitMs = 1_000

export interface ProcessEvents {
  /** Whether to restart the process after `signal` ended it. */
  restartsAfter(signal: string): boolean
  onMessage(raw: unknown, handle: unknown): void
  /** The process could not be started. */
  onNotStarted(error: HandoverError): void
  onExit(exit: Exit): void
  onDisconnect(): void
  /** The channel has closed, but the process keeps running. */
  onChannelLost(): void
  /** The process has exited, and its last message has been read. */
  onAllRead(exit: Exit): void
}

export class RestartingProcess {
  readonly #spawn: () => SuccessorProcess
  readonly #events: ProcessEvents
  readonly #ended = deferred<Exit>()
  #child: SuccessorProcess
  #exit: Exit | undefined

  /** Errors: `ERR_HANDOVER_SPAWN`. The operating system may also report it later: see `onNotStarted`. */
  constructor(spawn: () => SuccessorProcess, events: ProcessEvents) {
    this.#spawn = spawn
    this.#events = events
    this.#child = this.#start()
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get connected(): boolean {
    return this.#child.connected
  }

  get exit(): Exit | undefined {
    return this.#exit
  }

  send(message: object, handle: object | undefined, done: (error: Error | null) => void): void {
    this.#child.send(message, handle as SendHandle | undefined, {}, done)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** Ends the process with `signal` and, after `killAfterMs`, with SIGKILL. Resolves when it has exited. */
  async end(signal: 'SIGTERM' | 'SIGKILL', killAfterMs: number): Promise<void> {
    if (this.#exit) return
    this.#child.kill(signal)
    await timeout(killAfterMs, this.#ended.promise).catch(() => this.kill())
    await this.#ended.promise
  }

  /** Lets this process exit before the successor. */
  release(): void {
    this.#child.unref()
    this.#child.channel?.unref()
  }

  #start(): SuccessorProcess {
    const child = this.#spawn()
    const disconnected = deferred()
    child.on('error', (error) => this.#onError(error))
    child.on('exit', (code, signal) => {
      if (signal !== null && this.#events.restartsAfter(signal) && this.#restart()) return
      this.#end({ code, signal })
      this.#events.onExit({ code, signal })
      void this.#whenAllIsRead(disconnected.promise, { code, signal })
    })
    child.on('disconnect', () => {
      disconnected.resolve()
      this.#onDisconnect(child)
    })
    child.on('message', (message, handle) => this.#events.onMessage(message, handle))
    return child
  }

  #restart(): boolean {
    try {
      this.#child = this.#start()
      return true
    } catch (error) {
      this.#events.onNotStarted(error as HandoverError)
      return false
    }
  }

  #end(exit: Exit): void {
    this.#exit = exit
    this.#ended.resolve(exit)
  }

  #onError(error: Error): void {
    if (this.pid !== undefined) return
    this.#end({ code: null, signal: null })
    this.#events.onNotStarted(
      error instanceof HandoverError ? error : notStarted(this.#child.spawnfile ?? '', error),
    )
  }

  /** Waits for the exit, which gives the reason for the disconnect. */
  #onDisconnect(child: SuccessorProcess): void {
    this.#events.onDisconnect()
    void timeout(exitMs, this.#ended.promise).catch(() => {
      // Another process has replaced `child` if a signal ended it while it booted.
      if (child === this.#child) this.#events.onChannelLost()
    })
  }

  /** The last message may announce an intended exit. */
  async #whenAllIsRead(disconnected: Promise<void>, exit: Exit): Promise<void> {
    await timeout(exitMs, disconnected).catch(() => {})
    this.#events.onAllRead(exit)
  }
}
