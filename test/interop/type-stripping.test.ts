// docs/guides/typescript.md: Node runs the sources. tools/nodes.mjs installs the versions of Node.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { blocksOf, root } from '../docs/pages.js'
import { Cli, cli } from '../support/cli.js'
import { freePort } from '../support/free-port.js'
import { installation } from '../support/installation.js'
import { handover } from '../support/supervised.js'

const server = blocksOf('docs/guides/typescript.md').find(({ lang }) => lang === 'ts')?.code ?? ''
const nodeOf = (version: string) =>
  execFileSync(process.execPath, [join(root, 'tools', 'nodes.mjs'), version], { encoding: 'utf8' }).trim()

test.each(['22', '24', '26'])(
  'handover run server.ts reloads the TypeScript server of the guide in Node %s',
  async (version) => {
    const folder = installation({ 'server.ts': server.replace('3000', String(await freePort())) })
    const service = new Cli(nodeOf(version), [handover, 'run', 'server.ts'], { cwd: folder })
    await service.printed(/1 worker serves/)
    expect(await cli(['reload'], { cwd: folder })).toMatchObject({ code: 0 })
    service.interrupt()
    expect(await service.ended).toMatchObject({ code: 0 })
  },
)

test('handover run server.ts in Node 20 exits with code 2 and names the command with tsx', async () => {
  const folder = installation({ 'server.ts': server })
  const { code, stderr } = await new Cli(nodeOf('20'), [handover, 'run', 'server.ts'], { cwd: folder }).ended
  expect(code).toBe(2)
  expect(stderr).toContain('Write instead: handover run -- node --import tsx server.ts')
})
