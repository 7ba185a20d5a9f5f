// A folder with releases/1, releases/2, …, and the link `current` to one of them, like that of a deploy tool.
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

/** The first line of the broken release, which makes it fail at startup. */
const bug = `if (!process.env.DEMO_DATABASE_URL) throw new Error('DEMO_DATABASE_URL is not set')\n`

export class Releases {
  readonly folder = mkdtempSync(join(tmpdir(), 'handover-demo-'))
  readonly #service: string

  /** `service` is a folder with `server.mjs`, `package.json` and `node_modules`. */
  constructor(service: string) {
    this.#service = service
  }

  /** The link to the current release. The service starts there. */
  get current(): string {
    return join(this.folder, 'current')
  }

  /** Installs the program as release `n` and makes it the current one. */
  deploy(n: number, { isBad = false } = {}): void {
    const release = join(this.folder, 'releases', String(n))
    this.#write(release, n)
    if (isBad) prepend(join(release, 'server.mjs'), bug)
    // Renaming another link over it replaces the link atomically.
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

/** The version of release `n`. */
export const version = (n: number): string => `${n}.0.0`

function prepend(path: string, line: string): void {
  writeFileSync(path, line + readFileSync(path, 'utf8'))
}
