// `npm run demo`, `npm test` and `npm run bench` install, build and run; `npm run build` only installs and builds.
// Needs only Node and npm.
import { fileURLToPath } from 'node:url'
import { pnpm, root } from './pnpm.mjs'

process.chdir(fileURLToPath(root))
const [job, ...args] = process.argv.slice(2)
pnpm('run', '--silent', 'do:install')
pnpm('run', '--silent', 'do:build')
if (job !== 'build') pnpm('run', '--silent', `do:${job}`, ...args)
