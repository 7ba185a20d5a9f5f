import type { Worker } from '../supervisor/worker.js'
import { describeExit } from '../supervisor/worker-exit.js'

/** Resolves when the worker serves, or with the reason why it has exited before that. */
export async function whyNotServing(worker: Worker): Promise<string | undefined> {
  if (worker.ownsService || (await worker.waitFor(() => worker.ownsService || undefined))) return undefined
  return `worker ${worker.pid} ${describeExit(worker, await worker.exited)}`
}
