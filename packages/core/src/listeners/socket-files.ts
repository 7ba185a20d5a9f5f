/**
 * Restores the files of Unix sockets that another process has removed. Clients cannot reach the old socket by its path,
 * and the kernel cannot bind it again, so the server gets a new socket
 * (docs/decisions/0010-unix-sockets-are-renamed-into-place.md).
 */
import { chmodSync, chownSync, linkSync, lstatSync, unlinkSync } from 'node:fs'
import type net from 'node:net'
import { closeHandle, replaceListener } from '../platform/listener-handle.js'
import type { Platform } from '../platform/process.js'
import { fileTypeAt, identityOf, nameBeside } from '../platform/socket-file.js'
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

export class SocketFiles {
  /** The mode and owner of each file at the last check. */
  readonly #attributes = new WeakMap<net.Server, { mode: number; uid: number; gid: number }>()
  /** Functions that close the former listeners of a server. */
  readonly #closeFormer = new Map<net.Server, () => void>()

  /** Whether the file of this server is in place. If so, records its mode and owner. */
  isInPlace(server: net.Server, file: UnixFile): boolean {
    if (file.identity === undefined || identityOf(file.path) !== file.identity) return false
    // `bigint`: see `inodeOf`.
    const { mode, uid, gid } = lstatSync(file.path, { bigint: true })
    this.#attributes.set(server, { mode: Number(mode), uid: Number(uid), gid: Number(gid) })
    return true
  }

  /** Returns `undefined` if the file is in place, or Handover did not create it. */
  restore(
    server: net.Server,
    file: UnixFile,
    bind: Bind,
    platform: Pick<Platform, 'withUmask'>,
  ): Restored | undefined {
    const { path } = file
    if (file.identity === undefined || this.isInPlace(server, file)) return undefined
    // Do not replace a file of another process.
    if (fileTypeAt(path) !== 'nothing') return { server, path, why: 'another file is there' }
    const temporary = nameBeside(path)
    if (temporary === undefined) return { server, path, why: 'no free name was found in its directory' }
    let handle: object | undefined
    const bindThere = () => {
      handle = bind(temporary)
    }
    // Only this user may connect until the file has its mode.
    if (this.#attributes.has(server)) platform.withUmask(0o177, bindThere)
    else bindThere()
    if (!handle) return { server, path, why: 'no socket could be bound in its directory' }
    try {
      return { server, path, file: this.#putInPlace(server, temporary, path, handle) }
    } catch (error) {
      closeHandle(handle)
      return { server, path, why: (error as Error).message }
    }
  }

  /**
   * Makes the server accept on this listener, and still accept connections from the queue of the old one. Returns whether
   * this Node version can do so.
   */
  replace(server: net.Server, handle: object): boolean {
    const closeBefore = replaceListener(server, handle)
    if (!closeBefore) return false
    const closeOthers = this.#closeFormer.get(server)
    this.#closeFormer.set(server, () => {
      closeBefore()
      closeOthers?.()
    })
    return true
  }

  /** Called when the server no longer listens. */
  closeFormer(server: net.Server): void {
    this.#closeFormer.get(server)?.()
    this.#closeFormer.delete(server)
  }

  /** Uses a link, which fails if another file has appeared there. A rename would replace that file. */
  #putInPlace(server: net.Server, temporary: string, path: string, handle: object): UnixFile {
    const attributes = this.#attributes.get(server)
    try {
      if (attributes) {
        chmodSync(temporary, attributes.mode & 0o777)
        chownSync(temporary, attributes.uid, attributes.gid)
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
