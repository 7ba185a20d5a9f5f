// pnpm and workspaces install packages as links. A successor must find the dependencies of a linked package.
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readExampleLine } from '../support/examples.js'
import { isReady } from '../support/generations.js'
import { installation } from '../support/installation.js'
import { launchService } from '../support/service.js'

const program = `
  import http from 'node:http'
  import answer from 'linked'
  const server = http.createServer((request, response) => response.end(answer))
  server.listen(0, () => console.log('pid ' + process.pid + ' listens on port ' + server.address().port))`

const manifest = (name: string) => ({ name, type: 'module', exports: './index.js' })

test('a successor that preloads Handover finds the dependencies of a linked package', async () => {
  const cwd = installation({
    'server.js': program,
    'store/linked/index.js': `export { default } from 'dependency'`,
    'store/linked/package.json': manifest('linked'),
    'store/node_modules/dependency/index.js': `export default 'hello'`,
    'store/node_modules/dependency/package.json': manifest('dependency'),
  })
  symlinkSync(join('..', 'store', 'linked'), join(cwd, 'node_modules', 'linked'))
  const service = launchService(`file://${join(cwd, 'server.js')}`, {
    cwd,
    execArgv: ['--import', '@handover/core/register'],
    readLine: readExampleLine,
  })
  await Promise.all([service.event('listening'), service.event(isReady)])
  const { from, to } = await service.reload()
  expect(to.generation).toBe(2)
  await service.exitOf(from.pid)
})
