/** Checks and pins the Node binary that runs the workers. */
import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { HandoverError } from '@handover/core/supervision'
import { isNode } from '../command-line/suggested-command.js'

/** Errors: `ERR_HANDOVER_SPAWN` if `path` is not an executable file. */
export function checkNode(path: string): void {
  if (isExecutableFile(path)) return
  const why = existsSync(path) ? 'is not an executable file' : 'does not exist'
  const message = `The Node binary for the workers, ${path}, ${why}. No process was started.`
  throw new HandoverError('ERR_HANDOVER_SPAWN', message, { execPath: path })
}

function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** Resolves the links in the path, so that it leads to the same binary after a deploy. */
export function pinNode(path: string): string {
  try {
    const target = realpathSync(path)
    // A version manager may link `node` to one program for all its commands: that program needs the link's name.
    return isNode(target) ? target : join(realpathSync(dirname(path)), basename(path))
  } catch {
    return path
  }
}
