/** The supervisor's end of the channel to one worker. The worker's program can send anything; no message makes this code throw. */
import type { ChildProcess } from 'node:child_process'
import { inspect } from 'node:util'
import { type ErrorData, errorData } from '../base/error-data.js'
import { readFromSuccessor } from '../protocol/generation-messages.js'
import { isErrorData } from '../protocol/message-shapes.js'
import { type FromWorker, readFromWorker } from '../protocol/supervisor-messages.js'
import { discardHandle, guardChannel } from './ipc-channel.js'

/** How many unusable messages of one worker are reported. */
const mostReported = 3

const longestText = 10_000

export interface WorkerMessages {
  onMessage(message: FromWorker, handle: object | undefined): void
  /** For the worker's predecessor. `error` is about to end the worker, if the message has one. */
  onForeign(raw: unknown, error: ErrorData | undefined): void
  /** No release of Handover sends such a message. Called for the first few. */
  onWrong(what: string): void
}

export function readWorkerMessages(child: ChildProcess, to: WorkerMessages): void {
  let wrong = 0
  const onWrong = (what: string) => {
    if (++wrong > mostReported) return
    to.onWrong(wrong < mostReported ? what : `${what}; not reporting further ones`)
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

/** A message of another version. The predecessor reports it; without one, it is the error that ends the worker. */
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

/** As the preload sends it, whatever the program says. */
const bounded = ({ name, message, stack, code }: ErrorData): ErrorData => ({
  name: name.slice(0, longestText),
  message: message.slice(0, longestText),
  ...(stack === undefined ? {} : { stack: stack.slice(0, longestText) }),
  ...(code === undefined ? {} : { code: code.slice(0, longestText) }),
})

const typeOf = (raw: unknown): string =>
  inspect((raw as { readonly type?: unknown }).type, { depth: 0 }).slice(0, 40)
