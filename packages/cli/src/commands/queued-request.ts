/** Sends a request of `reload` or `scale`, and with `--queue` sends it again while the service is busy. */
import { setTimeout as pause } from 'node:timers/promises'
import type { ControlAnswer } from '@handover/core/supervision'
import { isRefusal, type RequestFields, sendRequest } from '../service-client/control-client.js'
import { type OutputOptions, printToStderr } from '../terminal/output.js'
import type { Progress } from '../terminal/progress.js'

/** How often a queued request retries. */
const againMs = 200
/** Temporary refusals: another request is in progress, or the generation has just handed over. */
const whileBusy = new Set(['ERR_HANDOVER_IN_PROGRESS', 'ERR_HANDOVER_DRAINING', 'ERR_HANDOVER_BUSY'])

export interface QueueOptions extends OutputOptions {
  readonly queue?: boolean
}

/** Each attempt reaches the generation that then serves. `waiting` names what a queued request waits for. */
export async function sendOrQueue(
  path: string,
  request: 'reload' | 'scale',
  fields: RequestFields,
  { queue, json }: QueueOptions,
  { onEvent }: Progress,
): Promise<ControlAnswer> {
  for (let isQueued = false; ; isQueued = true) {
    const answer = await sendRequest(path, request, onEvent, fields)
    const isBusy = !answer.ok && isRefusal(answer) && whileBusy.has(answer.error.code)
    if (!queue || !isBusy) return answer
    if (!isQueued && !json) printToStderr(waiting[request])
    await pause(againMs)
  }
}

const waiting = {
  reload: 'another reload is under way; waiting for it to end',
  scale: 'a reload or another change of the number of workers is under way; waiting for it to end',
}
