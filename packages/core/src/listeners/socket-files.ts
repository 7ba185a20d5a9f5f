/**
 * Restores the files of Unix sockets that another process has removed. No client can reach the old socket by its path,
 * and the kernel cannot bind it again. A new socket takes its place, for the same server
 * (docs/decisions/0010-unix-sockets-are-renamed-into-place.md).
 */
import { chmodSync, chownSync, linkSync, lstatSync, unlinkSync } from 'node:fs'
import type net from 'node:net'
import { closeHandle, replaceListener } from '../platform/listener-handle.js'
import type { Platform } from '../platform/process.js'
import { identityOf, nameBeside, whatLiesAt } from '../platform/socket-file.js'
import type { UnixFile } from '../protocol/inheritance.js'

/** The result for a missing file. */
export interface Restored {
  readonly server: net.Server
  readonly path: string
  /** Absent if the file could not be restored. */
  readonly file?: UnixFile
  readonly why?: string
}

/** Binds a socket to a path and listens on it. Returns `undefined` if that fails. */
export type Bind = (path: string) => object | undefined

/** The mode of files that only this user may connect to. */
const privateMask = 0o177

export class SocketFiles {
  /** The mode and owner of each file when it was last checked. */
  readonly #looks = new WeakMap<net.Server, { mode: number; uid: number; gid: number }>()
  /** Closes the listeners that a server had before. */
  readonly #former = new Map<net.Server, () => void>()

  /** Whether the file of this server is in place. If it is, remembers its mode and owner. */
  isInPlace(server: net.Server, file: UnixFile): boolean {
    if (file.identity === undefined || identityOf(file.path) !== file.identity) return false
    this.#looks.set(server, lstatSync(file.path))
    return true
  }

  /** Returns `undefined` if there is nothing to restore: the file is in place, or Handover did not create it. */
  restore(
    server: net.Server,
    file: UnixFile,
    bind: Bind,
    platform: Pick<Platform, 'withUmask'>,
  ): Restored | undefined {
    const { path } = file
    if (file.identity === undefined || this.isInPlace(server, file)) return undefined
    // Do not replace a file of another process.
    if (whatLiesAt(path) !== 'nothing') return { server, path, why: 'another file is there' }
    const temporary = nameBeside(path)
    if (temporary === undefined) return { server, path, why: 'no free name was found beside it' }
    let handle: object | undefined
    const bindThere = () => {
      handle = bind(temporary)
    }
    // The file gets its mode before it is in place. Until then only this user may connect.
    if (this.#looks.has(server)) platform.withUmask(privateMask, bindThere)
    else bindThere()
    if (!handle) return { server, path, why: 'no socket could be bound in its folder' }
    try {
      return { server, path, file: this.#putInPlace(server, temporary, path, handle) }
    } catch (error) {
      closeHandle(handle)
      return { server, path, why: (error as Error).message }
    }
  }

  /**
   * Makes the server accept on this listener. It also accepts the connections that wait in the queue of the old one.
   * Returns whether that is possible.
   */
  replace(server: net.Server, handle: object): boolean {
    const closeBefore = replaceListener(server, handle)
    if (!closeBefore) return false
    const closeOthers = this.#former.get(server)
    this.#former.set(server, () => {
      closeBefore()
      closeOthers?.()
    })
    return true
  }

  /** Called when the server no longer listens. */
  closeFormer(server: net.Server): void {
    this.#former.get(server)?.()
    this.#former.delete(server)
  }

  /** Uses a link, which fails if another file has appeared there. A rename would replace that file. */
  #putInPlace(server: net.Server, temporary: string, path: string, handle: object): UnixFile {
    const look = this.#looks.get(server)
    try {
      if (look) {
        chmodSync(temporary, look.mode & 0o777)
        chownSync(temporary, look.uid, look.gid)
      }
      linkSync(temporary, path)
    } finally {
      unlinkSync(temporary)
    }
    if (!this.replace(server, handle)) {
      unlinkSync(path)
      throw new Error('this Node version cannot replace the listener of a server')
    }
    const identity = identityOf(path)
    return identity === undefined ? { path } : { path, identity }
  }
}
