// The packages as users get them: packed and installed in a folder outside this workspace.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
export const libraries = ['core', 'fastify', 'express', 'koa', 'ws', 'socket.io'] as const
export const packed = [...libraries, 'cli'] as const

/** The frameworks of `libraries`, and the types of those that have none. */
const frameworks = ['fastify@5', 'express@5', 'koa@3', 'ws@8', 'socket.io@4']
const types = ['@types/node@20', '@types/express@5', '@types/koa@3', '@types/ws@8']

/** A folder with the packed packages and an installation of them. */
export class Packed {
  readonly #home = mkdtempSync(join(tmpdir(), 'handover-packages-'))
  readonly app = join(this.#home, 'app')

  tarball(name: string): string {
    const manifest = readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')
    return join(this.#home, `handover-${name}-${JSON.parse(manifest).version}.tgz`)
  }

  /** Packs the packages and returns the paths of their tarballs. */
  async pack(names: readonly string[] = packed): Promise<string[]> {
    for (const name of names) {
      const args = ['--dir', join(root, 'packages', name), 'pack', '--pack-destination', this.#home]
      await run(process.execPath, [join(root, 'tools', 'pnpm.mjs'), ...args])
    }
    return names.map((name) => this.tarball(name))
  }

  /** Packs the packages and installs them in `app`, with their frameworks and `more`. */
  async install(type: 'commonjs' | 'module', more: readonly string[] = []): Promise<void> {
    const tarballs = await this.pack()
    mkdirSync(this.app)
    writeFileSync(join(this.app, 'package.json'), JSON.stringify({ private: true, type }))
    const packages = [...tarballs, ...frameworks, ...types, ...more]
    const args = ['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages]
    await run('npm', args, { cwd: this.app })
  }

  remove(): void {
    rmSync(this.#home, { recursive: true, force: true })
  }
}
