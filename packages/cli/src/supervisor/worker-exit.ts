/** How a worker has ended: for the shell, and for people. */
import { constants } from 'node:os'
import type { Worker, WorkerExit } from './worker.js'

/** As a shell says it: 128 and the number of the signal. */
export function exitCodeOf({ code, signal }: WorkerExit): number {
  return code ?? (signal ? 128 + constants.signals[signal] : 1)
}

/** Ends it. A successor that was not ready yet did not serve: it ends as ordered, and its exit does not count. */
export async function codeOf(worker: Worker): Promise<number> {
  const hadNoPart = worker.predecessor !== undefined && worker.servesSince === undefined
  const exit = await worker.end()
  return hadNoPart ? 0 : exitCodeOf(exit)
}

/** For the log, and for whoever wanted it to serve. */
export function whyEnded(worker: Worker, { code, signal, error }: WorkerExit): string {
  const { told, isRegistered, servesSince, lateAfterMs } = worker
  if (error) return `could not be started: ${error.message}`
  const ended = signal ? `was ended by ${signal}` : `exited with code ${code}`
  const early = servesSince === undefined ? ' before it was ready' : ''
  const what = lateAfterMs === undefined ? `${ended}${early}` : `was not ready after ${lateAfterMs} ms`
  if (told) return `${what}: ${told.name}: ${told.message}`
  return isRegistered || (lateAfterMs === undefined && code !== 0) ? what : `${what}. ${notTakingPart}`
}

export const notTakingPart =
  'It takes no part: a server must use @handover/fastify, express, koa or core, or be started by ' +
  '"node --import @handover/core/register"'
