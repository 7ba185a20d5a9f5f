// Runs the commands and the configurations of docs/guides/coming-from-pm2.md, with PM2 itself.
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { RawConnection } from '@handover/load'
import { expect, onTestFinished, test } from 'vitest'
import { cli, startCli } from '../support/cli.js'
import { freePort } from '../support/free-port.js'
import { installation } from '../support/installation.js'
import { underLoad } from '../support/load.js'
import { until } from '../support/until.js'
import { blocksOf, codeWords, root, tableBelow } from './pages.js'

const page = 'docs/guides/coming-from-pm2.md'
const [configuration, underPm2, insidePm2] = blocksOf(page).flatMap(({ lang, code }) =>
  lang === 'json' ? [JSON.parse(code)] : [],
)
const pm2Path = createRequire(join(root, 'bench', 'package.json')).resolve('pm2/bin/pm2')

const server = `
  import { createServer } from 'node:http'
  import { graceful } from '@handover/core'
  const server = createServer((request, response) => {
    if (request.url === '/slow') response.flushHeaders()
    setTimeout(() => response.end('ok'), request.url === '/slow' ? 3_000 : 0)
  })
  graceful(server)
  server.listen(Number(process.env.PORT), '127.0.0.1')`

test.each(tableBelow(page, 'Replace PM2').slice(0, 9))(
  'handover answers the PM2 command %s with %s',
  async (theirs = '', ours = '') => {
    const [, ...words] = codeWords(theirs)[0]?.split(' ') ?? []
    const { code, stderr } = await cli(words, { cwd: installation({}) })
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(`${codeWords(ours)[0]}\n$`),
    })
  },
)

test('handover run without arguments uses the configuration of the guide', async () => {
  const cwd = installation({ 'server.js': server, 'handover.config.json': { ...configuration, workers: 2 } })
  const service = startCli(['run'], { cwd, env: { PORT: String(await freePort()) } })
  await service.printed(/2 workers serve/)
  service.interrupt()
  expect(await service.ended).toMatchObject({ code: 0 })
})

test('handover run under PM2 reloads without a failed request and stops after in-flight requests', async () => {
  const { folder, port, pm2 } = await startPm2(underPm2)
  const pid = await pm2('pid', 'app')
  const load = await underLoad({ port, host: '127.0.0.1' }, async () => {
    expect(await cli(['reload'], { cwd: folder })).toMatchObject({ code: 0 })
  })
  expect(load.failures).toEqual([])
  expect(await pm2('pid', 'app')).toBe(pid)
  await expectGracefulStop(port, pm2)
})

test('the adapter inside a PM2 cluster reloads without a failed request and stops after in-flight requests', async () => {
  const { port, pm2 } = await startPm2(insidePm2)
  const pids = await pm2('pid', 'app')
  const load = await underLoad({ port, host: '127.0.0.1' }, () => pm2('reload', 'app'))
  expect(load.failures).toEqual([])
  expect(await pm2('pid', 'app')).not.toBe(pids)
  await expectGracefulStop(port, pm2)
})

/** Starts the configuration in a PM2 of its own, and resolves when the service responds. */
async function startPm2(ecosystem: unknown) {
  const folder = installation({ 'server.js': server, 'ecosystem.json': ecosystem })
  const port = await freePort()
  const env = { ...process.env, PM2_HOME: join(folder, '.pm2'), PORT: String(port) }
  const pm2 = async (...words: string[]) => {
    const { stdout } = await promisify(execFile)(process.execPath, [pm2Path, ...words], { cwd: folder, env })
    return stdout
  }
  onTestFinished(async () => void (await pm2('kill')))
  await pm2('start', 'ecosystem.json')
  await until('the service responds', async () => (await statusOf(port, '/').catch(() => 0)) === 200)
  return { folder, port, pm2 }
}

async function expectGracefulStop(port: number, pm2: (...words: string[]) => Promise<string>): Promise<void> {
  const connection = await RawConnection.connect({ port, host: '127.0.0.1' })
  onTestFinished(() => connection.close())
  await connection.write(requestFor('/slow'))
  // The head shows that the request is in flight.
  const head = await connection.head()
  await pm2('stop', 'app')
  let text = ''
  for await (const chunk of connection.body(head)) text += chunk
  expect([head.status, text]).toEqual([200, 'ok'])
}

const requestFor = (path: string) => `GET ${path} HTTP/1.1\r\nHost: pm2\r\nConnection: close\r\n\r\n`

async function statusOf(port: number, path: string): Promise<number | undefined> {
  const connection = await RawConnection.connect({ port, host: '127.0.0.1' })
  await connection.write(requestFor(path))
  const response = await connection.response()
  connection.close()
  return response?.status
}
