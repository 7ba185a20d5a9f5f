/**
 * The PID file of the service. The service keeps it open, so `handover stop --pid-file` can distinguish the service from
 * a later process with the same PID. Node opens files with close-on-exec, so no child process inherits the descriptor.
 */
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { HandoverError } from '../base/errors.js'
import type { Logger } from '../base/logger.js'

/** How often to retry after a failed write, such as on a full disk. */
const retryMs = 1_000

export class PidFile {
  readonly #path: () => string | undefined
  readonly #pid: number
  /** The descriptor of the file that this process wrote. */
  #fd: number | undefined
  #retry: NodeJS.Timeout | undefined

  /** Without a path, all methods do nothing. */
  constructor(path: () => string | undefined, pid: number) {
    this.#path = path
    this.#pid = pid
  }

  /** Renames a temporary file, so a reader never sees a partial file. Errors: `ERR_HANDOVER_PID_FILE`. */
  write(): void {
    const path = this.#path()
    if (path === undefined) return
    const fd = replaceFile(path, this.#pid)
    this.#close()
    this.#fd = fd
  }

  /** Writes the file. Logs a failure, and retries while `isOwner()`. */
  writeWithRetries(logger: Logger, isOwner: () => boolean): void {
    const facts = { pidFile: this.#path() }
    clearTimeout(this.#retry)
    try {
      this.write()
      if (this.#retry) logger.info(facts, `the PID file ${facts.pidFile} names process ${this.#pid} now`)
      this.#retry = undefined
    } catch (error) {
      if (!this.#retry)
        logger.error({ err: error }, `${(error as Error).message} Retrying every ${retryMs} ms.`)
      this.#retry = setTimeout(() => isOwner() && this.writeWithRetries(logger, isOwner), retryMs).unref()
    }
  }

  /** Removes the file if it still names this process: a successor may have written its own. */
  remove(): void {
    clearTimeout(this.#retry)
    const path = this.#path()
    if (path !== undefined) removeFile(path, this.#pid)
    this.#close()
  }

  #close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}

/** Returns the descriptor of the new file. */
function replaceFile(path: string, pid: number): number {
  const temporary = `${path}.${pid}`
  let fd: number | undefined
  try {
    // An earlier process with this PID may have left a file here, or another user a link.
    rmSync(temporary, { force: true })
    fd = openSync(temporary, 'wx', 0o600)
    writeSync(fd, `${pid}\n`)
    renameSync(temporary, path)
    return fd
  } catch (cause) {
    if (fd !== undefined) closeSync(fd)
    rmSync(temporary, { force: true })
    throw new HandoverError(
      'ERR_HANDOVER_PID_FILE',
      `The PID file ${path} could not be written, so it does not name the service (process ${pid}).`,
      { pidFile: path, pid },
      cause,
    )
  }
}

function removeFile(path: string, pid: number): void {
  try {
    if (readFileSync(path, 'utf8').trim() === String(pid)) rmSync(path)
  } catch {
    // Another process has removed it.
  }
}
