/** Reads what a file contains, or all files of a folder, wherever links lead. */
import type { BigIntStats } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A digest for each file. */
export type Contents = ReadonlyMap<string, string>

/** Reading larger files would take memory: device, inode, size and time of change stand for their contents. */
const maxBytes = 16 * 2 ** 20
const maxFiles = 1_000
/** Two changes within one tick of the file system's clock leave the same status. */
const tickMs = 2_000

/** The inner folders of a Kubernetes volume, which links beside them lead to, and temporary files of editors. */
const isIgnored = (name: string) => /^\.\.|~$|^\..*\.sw[a-z]$/.test(name)

interface Known {
  readonly status: string
  readonly digest: string
}

export class FileContents {
  readonly #path: string
  /** Files whose status says whether they have changed. */
  #known: ReadonlyMap<string, Known> = new Map()

  constructor(path: string) {
    this.#path = path
  }

  /** Errors: the reason why the path cannot be read. */
  async read(): Promise<Contents> {
    const reading = new Reading(this.#known)
    await reading.add(this.#path)
    this.#known = reading.known
    return reading.found
  }
}

class Reading {
  readonly found = new Map<string, string>()
  readonly known = new Map<string, Known>()
  readonly #earlier: ReadonlyMap<string, Known>

  constructor(earlier: ReadonlyMap<string, Known>) {
    this.#earlier = earlier
  }

  async add(path: string, parents: readonly string[] = []): Promise<void> {
    const status = await stat(path, { bigint: true })
    if (status.isFile()) {
      if (this.found.size === maxFiles)
        throw new Error(`it contains more than ${maxFiles} files: name the files, or a smaller folder`)
      this.found.set(path, await this.#digestOf(path, status))
    } else if (status.isDirectory()) {
      const id = `${status.dev}:${status.ino}`
      // A link may lead back to a parent.
      if (parents.includes(id)) return
      for (const name of await readdir(path))
        if (!isIgnored(name)) await this.#addEntry(join(path, name), [...parents, id])
    } else if (parents.length === 0) throw new Error('it is neither a file nor a folder')
  }

  /** An entry of a folder may vanish, or be unreadable, while the rest of the folder is fine. */
  async #addEntry(path: string, parents: readonly string[]): Promise<void> {
    try {
      await this.add(path, parents)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === undefined) throw error
      if (code !== 'ENOENT') this.found.set(path, code)
    }
  }

  async #digestOf(path: string, { dev, ino, size, ctimeMs, ctimeNs }: BigIntStats): Promise<string> {
    const status = [dev, ino, size, ctimeNs].join()
    if (size > maxBytes) return status
    const earlier = this.#earlier.get(path)
    const isOld = Number(ctimeMs) < Date.now() - tickMs
    const digest = earlier?.status === status ? earlier.digest : hash(await readFile(path))
    if (isOld) this.known.set(path, { status, digest })
    return digest
  }
}

function hash(contents: Buffer): string {
  // A supervisor without --watch-files does not need to load this module.
  const { createHash } = process.getBuiltinModule('node:crypto')
  return createHash('sha256').update(contents).digest('base64')
}
