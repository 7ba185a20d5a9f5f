// Runs the commands of docs/guides/typescript.md, and those of docs/guides/development.md.
import { execFile } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { Cli, cli, startCli } from '../support/cli.js'
import { freePort } from '../support/free-port.js'
import { installation } from '../support/installation.js'
import { testNode } from '../support/service.js'
import { until } from '../support/until.js'
import { blocksOf, root } from './pages.js'

const blockOf = (page: string, lang: string) =>
  blocksOf(page).find((block) => block.lang === lang)?.code ?? ''
const typescript = blockOf('docs/guides/typescript.md', 'ts')
const configuration = blockOf('docs/guides/typescript.md', 'json')
const development = blockOf('docs/guides/development.md', 'js')

test('the server of the guide compiles, and handover run reloads the result', async () => {
  const { folder, answer } = await prepare({ 'server.ts': typescript, 'tsconfig.json': configuration })
  const tsc = join(root, 'node_modules', '.bin', 'tsc')
  await promisify(execFile)(tsc, [], { cwd: folder }).catch(({ stdout }) => expect(stdout).toBe(''))
  const program = ['node', '--enable-source-maps', 'dist/server.js']
  const service = startCli(['run', '--', ...program], { cwd: folder })
  await service.printed(/1 worker serves/)
  expect(await cli(['reload'], { cwd: folder })).toMatchObject({ code: 0 })
  expect(await answer()).toBe('hello')
  service.interrupt()
  expect(await service.ended).toMatchObject({ code: 0 })
})

test('handover run --watch reloads a server under tsx when its file changes', async () => {
  const { folder, answer } = await prepare({ 'server.ts': typescript })
  const service = startCli(['run', '--watch', '--', 'node', '--import', 'tsx', 'server.ts'], { cwd: folder })
  await service.printed(/1 worker serves/)
  appendFileSync(join(folder, 'server.ts'), '\nexport const changed: boolean = true\n')
  await service.printed(/generation 1 is exited/)
  expect(service.stderr).toContain('server.ts has changed: reloading')
  expect(await answer()).toBe('hello')
  service.interrupt()
  expect(await service.ended).toMatchObject({ code: 0 })
})

test.each([
  ['node --watch', 'server.js', [testNode, '--watch']],
  ['tsx watch', 'server.ts', [testNode, 'node_modules/tsx/dist/cli.mjs', 'watch']],
] as const)(
  'with drainTimeoutMs: 0, %s restarts a server with an open event stream at once',
  async (...row) => {
    const [, file, [command, ...args]] = row
    // A request without a response, such as an event stream.
    const program = development.replace("response.end('hello')", "response.write('hello')")
    const { folder, connect } = await prepare({ [file]: program })
    const watch = new Cli(command, [...args, file], { cwd: folder, env: { NODE_ENV: 'development' } })
    await watch.printed(/generation 1 is ready/)
    // The watcher may also restart the server because the file is new.
    const isConnected = () =>
      connect().then(
        () => true,
        () => false,
      )
    const isRestarted = () =>
      /[1-9] cut[\s\S]*generation 1 is exited[\s\S]*generation 1 is ready/.test(watch.stderr)
    // A watcher that restarts the server at this moment, because the file is new, may miss the change.
    await until('the watcher has restarted the server', async () => {
      if (!(await isConnected())) return false
      appendFileSync(join(folder, file), '\n// changed\n')
      return until('a restart', isRestarted, 5_000).then(
        () => true,
        () => false,
      )
    })
    expect(watch.stderr).toContain('SIGTERM: shutting down')
    watch.interrupt()
    await watch.ended
  },
)

/** Creates the folder, with a free port in place of 3000. */
async function prepare(files: Readonly<Record<string, string>>) {
  const port = await freePort()
  const entries = Object.entries(files).map(([name, text]) => [name, text.replace('3000', String(port))])
  const connect = () => fetch(`http://127.0.0.1:${port}/`)
  const answer = async () => (await connect()).text()
  return { folder: installation(Object.fromEntries(entries)), connect, answer }
}
