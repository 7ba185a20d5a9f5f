/** What a worker and its successor have to say to each other goes through the supervisor, which started both. */
import { closeConnection } from '@handover/core/supervision'
import type { Worker, WorkerExit } from './worker.js'

/** A message of its predecessor. The handle that came with it is the successor's, or nobody's. */
export function relay(message: unknown, handle: object | undefined, successor: Worker | undefined): void {
  const close = () => handle && closeConnection(handle)
  if (successor) successor.post(message as object, handle, close)
  else close()
}

/** Why there is no successor any more. */
export function tellPredecessor(worker: Worker, { code, signal, error }: WorkerExit): void {
  const { predecessor } = worker
  const successor = predecessor?.successor
  if (!predecessor || successor?.worker !== worker) return
  const message = `The successor could not be started: ${error?.message}. This generation keeps serving.`
  predecessor.say(
    error
      ? { type: 'successor-refused', successor: successor.id, error: { name: 'Error', message } }
      : { type: 'successor-ended', successor: successor.id, code, signal },
  )
}
