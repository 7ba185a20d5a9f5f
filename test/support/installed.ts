import { cpSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const { resolve } = createRequire(import.meta.url)

/** Copies core into the folder as an installation does. */
export function installCore(folder: string): void {
  const from = dirname(resolve('@handover/core/package.json'))
  const to = join(folder, 'node_modules', '@handover', 'core')
  mkdirSync(to, { recursive: true })
  for (const each of ['package.json', 'dist', 'handover-preload.cjs']) {
    cpSync(join(from, each), join(to, each), { recursive: true })
  }
}
