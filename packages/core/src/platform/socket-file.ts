/**
 * The files of Unix sockets. libuv unlinks the path when the process that bound it closes the handle, even if a
 * successor serves it. So Handover binds a name beside the path and renames it: the close finds nothing to unlink, and
 * the rename replaces a stale file without a gap (docs/decisions/0010-unix-sockets-are-renamed-into-place.md).
 */
import { lstatSync, readFileSync, readlinkSync, renameSync, unlinkSync } from 'node:fs'
import net from 'node:net'
import { resolve as absolute, basename, dirname, join } from 'node:path'
import type { UnixFile } from '../protocol/inheritance.js'

/** `socket`: it may be stale. `other`: a file that Handover must not replace. */
export function fileTypeAt(path: string): 'nothing' | 'socket' | 'other' {
  // `bigint`: see `inodeOf`.
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  if (!stats) return 'nothing'
  return stats.isSocket() ? 'socket' : 'other'
}

/** Whether a process accepts connections at `path`. Opens and closes one connection. */
export function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect({ path })
    const answer = (served: boolean) => {
      probe.destroy()
      resolve(served)
    }
    probe.once('connect', () => answer(true))
    // EAGAIN: the queue is full, so a process listens. EACCES: Handover must not replace the file.
    probe.once('error', ({ code }: NodeJS.ErrnoException) =>
      answer(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    )
  })
}

/** The longest path of a socket (unix(7)), in bytes. */
export const maxPathBytes = 107

/** Returns a free name in the same folder that is short enough for a socket; `undefined` if there is none. */
export function nameBeside(path: string): string | undefined {
  const inFolder = (name: string) => join(dirname(path), name)
  const room = maxPathBytes - Buffer.byteLength(inFolder('x')) + 1
  for (let tries = 0; tries < 100; tries++) {
    const name = inFolder(`.${Math.random().toString(36).slice(2, 10)}`.slice(-room))
    if (name !== inFolder(basename(path)) && fileTypeAt(name) === 'nothing') return name
  }
  return undefined
}

/** Renames the socket at `temporary`. Returns its absolute path: the program may change its directory. */
export function putInPlace(temporary: string, relative: string): UnixFile {
  const path = absolute(relative)
  renameSync(temporary, path)
  const identity = identityOf(path)
  return identity === undefined ? { path } : { path, identity }
}

/** Removes the file unless another file has replaced it. */
export function remove(file: UnixFile): void {
  if (file.identity === undefined || identityOf(file.path) !== file.identity) return
  try {
    unlinkSync(file.path)
  } catch {
    // Another process has removed it.
  }
}

/** Distinguishes a file from earlier and later files at its path. */
export function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = lstatSync(path, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    return undefined
  }
}

/** The path that a Unix socket is bound to, from /proc/net/unix (proc(5)). */
export function boundPath(fd: number): string | undefined {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1]
    const row = readFileSync('/proc/net/unix', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .find((columns) => columns[6] === inode)
    return row?.[7]
  } catch {
    return undefined
  }
}
