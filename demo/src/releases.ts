// A folder as deploys leave it: releases/1, releases/2, …, and the link `current` to one of them.
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What makes a release of the example a bad one: the first thing that it does is to fail. */
const bug = `if (!process.env.DEMO_DATABASE_URL) throw new Error('DEMO_DATABASE_URL is not set')\n`

export class Releases {
  readonly folder = mkdtempSync(join(tmpdir(), 'handover-demo-'))
  readonly #service: string

  /** `service` is the folder of a program `server.mjs`, with its `package.json` and `node_modules`. */
  constructor(service: string) {
    this.#service = service
  }

  /** The link, which is where the service is started. */
  get current(): string {
    return join(this.folder, 'current')
  }

  /** Puts the program there as release `n`, and makes it the current one. */
  deploy(n: number, { isBad = false } = {}): void {
    const release = join(this.folder, 'releases', String(n))
    this.#write(release, n)
    if (isBad) prepend(join(release, 'server.mjs'), bug)
    // A link is replaced in one step by renaming another over it.
    const link = `${this.current}.${n}`
    symlinkSync(join('releases', String(n)), link)
    renameSync(link, this.current)
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  #write(release: string, n: number): void {
    const modules = join(this.#service, 'node_modules')
    mkdirSync(release, { recursive: true })
    cpSync(this.#service, release, { recursive: true, filter: (path) => path !== modules })
    symlinkSync(realpathSync(modules), join(release, 'node_modules'))
    const path = join(release, 'package.json')
    const manifest = JSON.parse(readFileSync(path, 'utf8'))
    writeFileSync(path, JSON.stringify({ ...manifest, version: version(n) }))
  }
}

/** What release `n` calls itself. */
export const version = (n: number): string => `${n}.0.0`

function prepend(path: string, line: string): void {
  writeFileSync(path, line + readFileSync(path, 'utf8'))
}
