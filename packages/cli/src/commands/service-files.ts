/** The PID file and the control socket of `handover run`. */
import { resolve } from 'node:path'
import {
  bindPrivately,
  ControlServer,
  type HandoverError,
  type Logger,
  type Origin,
  PidFile,
  platform,
  remove,
} from '@handover/core/supervision'
import type { ControlTarget } from '../operations/control-target.js'
import { controlFromEnvironment, defaultControl } from '../service-client/target.js'

export interface FileOptions {
  readonly control?: string
  readonly pidFile?: string
}

/**
 * Creates the PID file and the control socket. Returns a function that removes them.
 * Errors: `ERR_HANDOVER_PID_FILE`, `ERR_HANDOVER_CONTROL`.
 */
export async function createFiles(
  { pidFile, control = controlFromEnvironment() }: FileOptions,
  { cwd }: Origin,
  controlled: ControlTarget,
  logger: Logger,
): Promise<() => Promise<void>> {
  const closeControl =
    control === undefined
      ? await serveDefaultControl(resolve(cwd, defaultControl), controlled, logger)
      : await serveControl(resolve(cwd, control), controlled)
  const path = pidFile === undefined ? undefined : resolve(cwd, pidFile)
  const file = new PidFile(() => path, platform.pid)
  try {
    file.write()
  } catch (error) {
    await closeControl()
    throw error
  }
  return async () => {
    await closeControl()
    file.remove()
  }
}

/** The default control socket is optional: the service also runs in a read-only folder. */
async function serveDefaultControl(
  path: string,
  controlled: ControlTarget,
  logger: Logger,
): Promise<() => Promise<void>> {
  try {
    return await serveControl(path, controlled)
  } catch (error) {
    const { code, message } = error as HandoverError
    logger.warn({ code }, `no control socket: ${message} Choose another path with --control PATH.`)
    return async () => {}
  }
}

/** Returns a function that closes the control socket. Errors: `ERR_HANDOVER_CONTROL`. */
async function serveControl(path: string, controlled: ControlTarget): Promise<() => Promise<void>> {
  const control = new ControlServer(controlled)
  const file = await bindPrivately(control.server, path, platform)
  return async () => {
    // Clients that wait for the stop must get their answers first.
    await new Promise((resolve) => setImmediate(resolve))
    await control.flush()
    control.close()
    remove(file)
  }
}
