// `node tools/pnpm.mjs …` runs the pnpm version that package.json pins. If it is not installed, npx fetches it.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = new URL('..', import.meta.url)
const { packageManager } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))

/** Runs pnpm. If it fails, this process exits with the same code. */
export function pnpm(...args) {
  const [command, ...first] = commandLine()
  const { status, error } = spawnSync(command, [...first, ...args], { stdio: 'inherit' })
  if (error) throw error
  if (status !== 0) process.exit(status ?? 1)
}

function commandLine() {
  const installed = spawnSync('pnpm', ['--version'], { cwd: root, encoding: 'utf8' })
  const isPinned = installed.status === 0 && `pnpm@${installed.stdout.trim()}` === packageManager
  return isPinned ? ['pnpm'] : ['npx', '--yes', packageManager]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) pnpm(...process.argv.slice(2))
