// The image of examples/container, built and run from its own Dockerfile and README: as little as possible is writable.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { validate } from 'dockerfile-utils'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { blocksOf, read } from '../docs/pages.js'
import { runContainer, runLine } from '../support/container.js'
import { buildImage, type Image, removeImage } from '../support/container-image.js'
import { askOnce, givenBy } from '../support/http.js'

let image: Image

beforeAll(async () => {
  image = await buildImage()
})

afterAll(() => removeImage(image))

test('the Dockerfile is valid', () => {
  expect(validate(read('examples/container/Dockerfile'))).toEqual([])
  expect(image).toMatchObject({
    from: 'node:24-slim',
    user: 'node',
    stopSignal: 'SIGTERM',
    folder: '/srv/app',
  })
})

test('the guide shows the Dockerfile and the docker run line of the example', () => {
  const code = blocksOf('docs/guides/containers-and-supervision.md').map((block) => block.code)
  expect(code).toContain(read('examples/container/Dockerfile'))
  expect(code).toContain(`${runLine.join(' ')}\n`)
})

test('the image has the server and its dependencies, and nothing else', () => {
  const folder = join(image.root, image.folder)
  expect(readdirSync(folder).sort()).toEqual([
    'node_modules',
    'package-lock.json',
    'package.json',
    'server.mjs',
  ])
  const modules = readdirSync(join(folder, 'node_modules'))
  expect(modules).toContain('@handover')
  expect(modules).not.toContain('dev-only')
})

test('the docker run line makes the root read-only, and takes all capabilities', () => {
  expect(runLine).toEqual(
    expect.arrayContaining(['--init', '--read-only', '--cap-drop', 'no-new-privileges']),
  )
})

test('the processes are unprivileged, and PID 1 is handover run', async () => {
  const container = await runContainer(image)
  await container.untilHealthy()
  expect(givenBy(await askOnce(container.target, '/')).generation).toBe(1)
  const pids = [container.pid1, ...container.processes.map(({ pid }) => pid)]
  expect(pids).toHaveLength(2)
  for (const pid of pids) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    expect(status).toMatch(/^Uid:\t1000\t1000\t1000\t1000$/m)
    expect(status).toMatch(/^Gid:\t1000\t1000\t1000\t1000$/m)
    expect(status).toMatch(/^NoNewPrivs:\t1$/m)
    for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'])
      expect(status).toMatch(new RegExp(`^Cap${set}:\\t0+$`, 'm'))
  }
  expect(readFileSync(`/proc/${container.pid1}/status`, 'utf8')).toMatch(/^NSpid:\t\d+\t1$/m)
})

test('the control socket is the only file that handover run creates', async () => {
  const container = await runContainer(image)
  await container.untilHealthy()
  for (const folder of [image.folder, '/tmp', '/home/node', '/run', '/dev'])
    expect((await container.exec('touch', `${folder}/new`)).code).toBe(1)
  expect((await container.exec('node_modules/.bin/handover', 'reload')).code).toBe(0)
  expect((await container.exec('ls', '-A', '/run/app')).output).toBe('handover.sock\n')
  expect(await container.stop(20_000)).toBe(0)
})

test('without a writable folder, the container exits with the reason', async () => {
  const container = await runContainer(image, { tmpfs: '' })
  expect(await container.ended).toBe(1)
  expect(container.log).toMatch(/\/run\/app\/handover\.sock/)
})

test('without a control socket, handover run needs no writable folder', async () => {
  const container = await runContainer(image, {
    tmpfs: '',
    command: ['env', '-u', 'HANDOVER_CONTROL', ...image.entrypoint, ...image.command],
  })
  await container.untilHealthy()
  expect(container.log).toMatch(/no control socket: .*Choose another path with --control PATH/)
  container.kill('SIGHUP')
  await container.untilLogged('generation 2 is ready\n')
  expect(await container.stop(20_000)).toBe(0)
})

test('without a writable folder, a server without handover run exits with the reason', async () => {
  const container = await runContainer(image, { tmpfs: '', command: ['node', ...image.command] })
  expect(await container.ended).toBe(1)
  expect(container.log).toMatch(/cannot create the control socket \/run\/app\/handover\.sock/)
})
