// What the command suggests for the commands of PM2, and for programs that start Node themselves.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cli } from '../support/cli.js'
import { tempDir } from '../support/temp-dir.js'

test.each([
  ['start server.js -i 4', '"start" is a PM2 command. Write instead: handover run --workers 4 server.js'],
  ['start -i max --name api server.js -- --port 80', 'handover run --workers max server.js --port 80'],
  ['start ecosystem.config.js', 'Write instead: handover run server.js'],
  ['start tsx -- server.ts', 'Write instead: handover run -- node --import tsx server.ts'],
  ['list', '"list" is a PM2 command. Write instead: handover status'],
  ['ls', 'Write instead: handover status'],
  ['restart api', 'Write instead: handover reload'],
  ['scale api 4', '"api" is a PM2 argument. Write instead: handover scale 4'],
  ['scale api +2', 'Write instead: handover scale N, with the new number of workers'],
  ['delete all', 'Write instead: handover stop'],
  ['monit', 'Write instead: handover status --watch'],
  ['logs', 'handover run logs to its standard output, which the service manager stores.'],
  ['startup', 'Let a service manager such as systemd start handover run at boot.'],
  ['reload all', '"all" is a PM2 argument. Write instead: handover reload'],
  ['run -i 0 server.js', '"-i" is a PM2 option. Write instead: handover run --workers max server.js'],
  ['run server.js -i4', 'Write instead: handover run --workers 4 server.js'],
  ['run --instances=3 -- node -i', 'Write instead: handover run --workers 3 -- node -i'],
])('handover %s exits with code 2 and says what to write instead', async (line, suggestion) => {
  const { code, stdout, stderr } = await cli(line.split(' '), { cwd: tempDir() })
  expect(stderr).toMatch(/^handover: .*\n$/)
  expect(stderr).toContain(suggestion)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
})

const scripts = {
  start: 'NODE_ENV=production node server.js',
  named: 'NAME="my server" node server.js',
  dev: 'tsx watch "my server.ts"',
  loop: 'npm run loop',
  build: 'tsc && node server.js',
}

test.each([
  ['tsx server.ts', '-- node --import tsx server.ts'],
  ['npx --yes tsx watch server.ts', '-- node --import tsx server.ts'],
  ['ts-node --files server.ts', '-- node --require ts-node/register server.ts'],
  ['ts-node-esm server.ts', '-- node --loader ts-node/esm server.ts'],
  ['nodemon server.js', '-- node server.js'],
  ['nest start', '-- node dist/main.js'],
  ['npm run dev -- --port 80', "-- node --import tsx 'my server.ts' --port 80"],
  ['pnpm exec tsx server.ts', '-- node --import tsx server.ts'],
  ['fastify start app.js', '-- node node_modules/.bin/fastify start app.js'],
  ['./bin/www', '-- node ./bin/www'],
])('handover run -- %s exits with code 2 and names the Node command', async (line, suggestion) => {
  expect(await suggestionFor(line)).toBe(`Write instead: handover run --workers 2 ${suggestion}`)
})

test.each(['npm start', 'yarn start', 'env NODE_ENV=production node server.js'])(
  'handover run -- %s sets the variables of the command in the suggestion',
  async (line) => {
    expect(await suggestionFor(line)).toBe(
      'Write instead: NODE_ENV=production handover run --workers 2 -- node server.js',
    )
  },
)

test('handover run quotes the value of a variable in the suggestion', async () => {
  expect(await suggestionFor('npm run named')).toBe(
    "Write instead: NAME='my server' handover run --workers 2 -- node server.js",
  )
})

test.each(['npm run loop', 'npm run build', 'yarn serve', 'sh start.sh', './start.sh', 'constructor'])(
  'handover run -- %s exits with code 2 and asks for the Node command',
  async (line) => {
    expect(await suggestionFor(line)).toBe(
      'Write the Node command that it runs, such as: handover run -- node server.js',
    )
  },
)

/** Runs the command line in a folder with a package, and returns the second sentence of its only line. */
async function suggestionFor(line: string): Promise<string | undefined> {
  const folder = tempDir()
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ scripts }))
  addFile(folder, 'node_modules/.bin/fastify', '#!/usr/bin/env node\n')
  addFile(folder, 'bin/www', '#!/usr/bin/env node\n')
  addFile(folder, 'start.sh', '#!/bin/sh\nnode server.js\n')
  const { code, stdout, stderr } = await cli(['run', '--workers', '2', '--', ...line.split(' ')], {
    cwd: folder,
  })
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  const [program = ''] = line.split(' ')
  const [, suggestion] = stderr
    .trimEnd()
    .split(`"${program}" is not Node, and handover run starts only Node. `)
  return suggestion
}

function addFile(folder: string, name: string, text: string): void {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  chmodSync(path, 0o755)
}
