// `node tools/nodes.mjs 22` installs this version of the npm package `node` into .nodes/ if it is missing, and prints
// the path of the binary. To test another version: HANDOVER_TEST_NODE=$(node tools/nodes.mjs 22)
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../.nodes/', import.meta.url))

function install(version) {
  const home = join(folder, version)
  const binary = join(home, 'node_modules', 'node', 'bin', 'node')
  if (existsSync(binary)) return binary
  mkdirSync(home, { recursive: true })
  writeFileSync(join(home, 'package.json'), '{ "private": true }\n')
  const args = [
    'install',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    '--loglevel=error',
    `node@${version}`,
  ]
  // An install script of the package fetches the binary. Redirect standard output, which is only for the path.
  const npm = spawnSync('npm', args, { cwd: home, stdio: ['ignore', 2, 2] })
  if (npm.error) throw npm.error
  if (npm.status === 0 && existsSync(binary)) return binary
  throw new Error(`npm could not install node@${version} into ${home}; see its output above.`)
}

const versions = process.argv.slice(2)
if (versions.length === 0)
  throw new Error('Name at least one version of Node, for example: node tools/nodes.mjs 22 24')
for (const version of versions) console.log(install(version))
