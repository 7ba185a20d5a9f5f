/** Packs the packages, so that the benchmark measures what users install. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const names = ['core', 'fastify', 'express', 'koa', 'ws']

/** The folder of the programs, in which imports resolve to the packed packages. */
export const programs = here('packed/programs')

export function pack(): void {
  rmSync(here('packed'), { recursive: true, force: true })
  for (const name of names) {
    const [tarballs, installed] = [here(`packed/${name}`), here(`packed/node_modules/@handover/${name}`)]
    const args = ['--dir', here(`../../packages/${name}`), 'pack', '--pack-destination', tarballs]
    execFileSync(process.execPath, [here('../../tools/pnpm.mjs'), ...args])
    mkdirSync(installed, { recursive: true })
    for (const tarball of readdirSync(tarballs)) {
      execFileSync('tar', ['-xzf', `${tarballs}/${tarball}`, '-C', installed, '--strip-components=1'])
    }
  }
  cpSync(here('programs'), programs, { recursive: true })
}
