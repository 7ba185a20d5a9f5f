import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { HandoverError } from './errors.js'

/** The file that names the serving process: written by rename, so that a reader never sees half of it. */
export function writePidFile(path: string, pid: number): void {
  const temporary = `${path}.${pid}`
  try {
    // What lies there is of an earlier process of this pid, or a link that somebody laid out.
    rmSync(temporary, { force: true })
    writeFileSync(temporary, `${pid}\n`, { mode: 0o600, flag: 'wx' })
    renameSync(temporary, path)
  } catch (cause) {
    rmSync(temporary, { force: true })
    throw new HandoverError(
      'ERR_HANDOVER_PID_FILE',
      `The PID file ${path} could not be written; it does not name process ${pid}, which serves.`,
      { pidFile: path, pid },
      cause,
    )
  }
}

/** Removes the file if it still names `pid`: a successor may have written its own by now. */
export function removePidFile(path: string, pid: number): void {
  try {
    if (readFileSync(path, 'utf8').trim() === String(pid)) rmSync(path)
  } catch {
    // It is gone already.
  }
}
