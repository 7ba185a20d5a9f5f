import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { HandoverError } from '../base/errors.js'

/**
 * The PID files that name this process, each held open. So `handover stop --pid-file` can distinguish the service from a
 * later process with the same pid. Node opens files with close-on-exec.
 */
const held = new Map<string, number>()

/** The file that names the serving process: written by rename, so that a reader never sees half of it. */
export function writePidFile(path: string, pid: number): void {
  const temporary = `${path}.${pid}`
  let fd: number | undefined
  try {
    // What lies there is of an earlier process of this pid, or a link that somebody laid out.
    rmSync(temporary, { force: true })
    fd = openSync(temporary, 'wx', 0o600)
    writeSync(fd, `${pid}\n`)
    renameSync(temporary, path)
  } catch (cause) {
    if (fd !== undefined) closeSync(fd)
    rmSync(temporary, { force: true })
    throw new HandoverError(
      'ERR_HANDOVER_PID_FILE',
      `The PID file ${path} could not be written; it does not name process ${pid}, which serves.`,
      { pidFile: path, pid },
      cause,
    )
  }
  letGo(path)
  held.set(path, fd)
}

/** Removes the file if it still names `pid`: a successor may have written its own by now. */
export function removePidFile(path: string, pid: number): void {
  try {
    if (readFileSync(path, 'utf8').trim() === String(pid)) rmSync(path)
  } catch {
    // It is gone already.
  }
  letGo(path)
}

function letGo(path: string): void {
  const fd = held.get(path)
  if (fd !== undefined) closeSync(fd)
  held.delete(path)
}
