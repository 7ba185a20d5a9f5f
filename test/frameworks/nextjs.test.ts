// Next.js, which is not a package of the workspace: this test installs and builds examples/nextjs as its README says.
import { spawnSync } from 'node:child_process'
import { readFileSync, renameSync } from 'node:fs'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { commandsOf, examples } from '../support/examples.js'
import { askOnce, connect } from '../support/http.js'
import { askOn } from '../support/resting.js'
import { type Framework, nextjs } from './frameworks.js'
import { reloadTwice, start, stop } from './reloads.js'

const example = new URL('nextjs/', examples)

beforeAll(() => {
  const [[install, build] = []] = commandsOf('nextjs')
  expect([install, build]).toEqual(['npm install', 'npx next build'])
  if (!isInstalled()) run(`${install} --no-audit --no-fund --prefer-offline --loglevel=error`)
  run(`${build}`)
})

function run(command: string): void {
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' }
  const { status, stdout, stderr } = spawnSync(command, { cwd: example, env, shell: true, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} failed:\n${stdout}${stderr}`)
}

function isInstalled(): boolean {
  const manifest = (path: string) => JSON.parse(readFileSync(new URL(path, example), 'utf8'))
  try {
    const { next, react } = manifest('package.json').dependencies
    const versionOf = (name: string) => manifest(`node_modules/${name}/package.json`).version
    return versionOf('next') === next && versionOf('react') === react
  } catch {
    return false
  }
}

describe.each(nextjs.map((each) => [each.name, each] as const))('%s', (_, framework) => {
  test('two reloads under load fail no request and move every idle connection, and SIGTERM exits with 0', () =>
    reloadTwice(framework))

  test('keeps serving when the next release is not built', async () => {
    // `next start` listens before it loads the build.
    const service = await start(framework, { HANDOVER_OPTIONS: '{"probationMs":10000}' })
    const { pid } = service.serving
    await askOn(await connect(service.target), framework.path)
    renameBuild('.next', 'node_modules/.next-before')
    onTestFinished(() => renameBuild('node_modules/.next-before', '.next'))
    await expect(service.reload()).rejects.toThrow('This generation keeps serving.')
    expect(service.serving.pid).toBe(pid)
    await stop(service)
  })
})

test('a custom server finishes the work in after() before it exits', async () => {
  const [custom] = nextjs
  const service = await start(custom as Framework)
  const { pid } = service.serving
  await askOnce(service.target, '/later')
  await stop(service)
  await service.line(new RegExp(`^pid ${pid} has finished its work after the response$`))
})

function renameBuild(from: string, to: string): void {
  renameSync(new URL(from, example), new URL(to, example))
}
