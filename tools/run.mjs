// `npm run demo`, `npm test`, `npm run bench`: install, build, run. Needs Node and npm only: where the
// pinned pnpm is not at hand, npx fetches it.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const root = new URL('..', import.meta.url)
const { packageManager } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
const pinned = packageManager.split('@')[1]

const atHand = spawnSync('pnpm', ['--version'], { cwd: root, encoding: 'utf8' })
const pnpm =
  atHand.status === 0 && atHand.stdout.trim() === pinned ? ['pnpm'] : ['npx', '--yes', packageManager]

function run(script, args = []) {
  const [command, ...first] = pnpm
  const { status, error } = spawnSync(command, [...first, 'run', '--silent', script, ...args], {
    cwd: root,
    stdio: 'inherit',
  })
  if (error) throw error
  if (status !== 0) process.exit(status ?? 1)
}

const [job, ...args] = process.argv.slice(2)
run('do:install')
run('do:build')
run(`do:${job}`, args)
