/** The supervisor's end of a worker's channel. The program can send anything, but no message makes this code throw. */
import type { ChildProcess } from 'node:child_process'
import { inspect } from 'node:util'
import { type ErrorData, errorData } from '../base/error-data.js'
import { readFromSuccessor } from '../protocol/generation-messages.js'
import { isErrorData } from '../protocol/message-shapes.js'
import { type FromWorker, readFromWorker } from '../protocol/supervisor-messages.js'
import { discardHandle, guardChannel } from './ipc-channel.js'

/** How many unusable messages of one worker to report. */
const maxReported = 3

const maxTextLength = 10_000

export interface WorkerMessages {
  onMessage(message: FromWorker, handle: object | undefined): void
  /** A message for the worker's predecessor. If it has an `error`, that error ends the worker. */
  onForeign(raw: unknown, error: ErrorData | undefined): void
  /** A message that no release of Handover sends. Called only for the first few. */
  onWrong(what: string): void
}

export function readWorkerMessages(child: ChildProcess, to: WorkerMessages): void {
  let wrong = 0
  const onWrong = (what: string) => {
    if (++wrong > maxReported) return
    to.onWrong(wrong < maxReported ? what : `${what} (later ones are not logged)`)
  }
  guardChannel(child, onWrong)
  child.on('message', (raw: unknown, handle: object | undefined) => {
    const message = readOwn(raw, handle)
    if (message) return to.onMessage(message, handle)
    discardHandle(handle)
    const foreign = readForeign(raw)
    if (foreign === 'malformed') onWrong(`a malformed message (type ${typeOf(raw)})`)
    to.onForeign(raw, foreign === 'malformed' ? undefined : foreign?.error)
  })
}

/** Ignores a message of another version: the predecessor reports it, or else the worker exits with that error. */
function readOwn(raw: unknown, handle: object | undefined): FromWorker | undefined {
  try {
    return readFromWorker(raw, handle)
  } catch {
    return undefined
  }
}

function readForeign(raw: unknown): { readonly error: ErrorData | undefined } | 'malformed' | undefined {
  try {
    const message = readFromSuccessor(raw)
    if (message?.type === 'failed')
      return isErrorData(message.error) ? { error: bounded(message.error) } : 'malformed'
    const isOurs = typeof raw === 'object' && raw !== null && 'handover' in raw
    return message || !isOurs ? undefined : 'malformed'
  } catch (error) {
    return { error: errorData(error) }
  }
}

/** The program may send longer texts than the preload does. */
const bounded = ({ name, message, stack, code }: ErrorData): ErrorData => ({
  name: name.slice(0, maxTextLength),
  message: message.slice(0, maxTextLength),
  ...(stack === undefined ? {} : { stack: stack.slice(0, maxTextLength) }),
  ...(code === undefined ? {} : { code: code.slice(0, maxTextLength) }),
})

const typeOf = (raw: unknown): string =>
  inspect((raw as { readonly type?: unknown }).type, { depth: 0 }).slice(0, 40)
