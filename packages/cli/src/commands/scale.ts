/** `handover scale`: returns when the service has the new number of workers, or prints why it does not. */
import { type ExitCode, exitCodes } from '../command-line/exit-codes.js'
import { formatAnswer, isRefusal, notAnAnswer } from '../service-client/control-client.js'
import { controlPath, type TargetOptions } from '../service-client/target.js'
import { formatScale } from '../terminal/format.js'
import { print, printFailure, printJson } from '../terminal/output.js'
import { silentProgress, visibleProgress } from '../terminal/progress.js'
import { type QueueOptions, sendOrQueue } from './queued-request.js'

/** The service has tried. Any other error of Handover is a refusal. */
const failed = 'ERR_HANDOVER_SUCCESSOR_EXITED'

export interface ScaleOptions extends Pick<TargetOptions, 'control'>, QueueOptions {}

export async function scale(workers: number, options: ScaleOptions): Promise<ExitCode> {
  const { json } = options
  const progress = json ? silentProgress : await visibleProgress()
  const sent = sendOrQueue(controlPath(options.control), 'scale', { workers }, options, progress)
  const answer = await sent.finally(progress.done)
  if (!answer.ok) {
    const { error } = answer
    const isRefused = isRefusal(answer) && error.code !== failed
    const outcome = isRefused ? 'refused' : 'failed'
    if (json) printJson({ outcome, error })
    else formatAnswer('scale', () => printFailure(`scaling ${isRefused ? 'was refused' : 'failed'}`, error))
    return exitCodes[outcome]
  }
  if (!('scale' in answer)) throw notAnAnswer('scale')
  const lines = formatAnswer('scale', () => formatScale(answer.scale))
  if (json) printJson(answer.scale)
  else print(lines)
  return exitCodes.done
}
