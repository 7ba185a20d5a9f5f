/** Messages between a worker and its successor pass through the supervisor, which started both. */
import { closeConnection, type FromSupervisor } from '@handover/core/supervision'
import type { Worker } from './worker.js'
import type { WorkerExit } from './worker-exit.js'

/** Sends a predecessor's message to its successor. Without a successor, closes the handle of the message. */
export function relayToSuccessor(message: unknown, handle: object | undefined, successor?: Worker): void {
  const close = () => handle && closeConnection(handle)
  if (successor) successor.sendRaw(message as object, handle, close)
  else close()
}

/** Sends a successor's message to its predecessor. */
export function relayToPredecessor(worker: Worker, message: unknown): void {
  sendToPredecessor(worker, (successor) => ({ type: 'from-successor', successor, message }))
}

/** Notifies a predecessor that its successor has exited. */
export function notifyPredecessor(worker: Worker, { code, signal, error }: WorkerExit): void {
  const message = `The successor could not be started: ${error?.message}. This generation keeps serving.`
  sendToPredecessor(worker, (successor) =>
    error
      ? { type: 'successor-refused', successor, error: { name: 'Error', message } }
      : { type: 'successor-ended', successor, code, signal },
  )
}

/**
 * Sends nothing if the predecessor has requested another successor since. `message` gets the number that the
 * predecessor assigned to `worker`.
 */
function sendToPredecessor(worker: Worker, message: (successor: number) => FromSupervisor): void {
  const { predecessor } = worker
  const successor = predecessor?.successor
  if (predecessor && successor?.worker === worker) predecessor.send(message(successor.id))
}
