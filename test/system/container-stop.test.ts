// How a container ends: signals to PID 1, the timeout of the orchestrator, and processes that only an init can reap.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Container, runContainer } from '../support/container.js'
import { buildImage, copyOf, type Image, removeImage } from '../support/container-image.js'
import { connect, get, isRefused } from '../support/http.js'
import { until } from '../support/until.js'

let image: Image

beforeAll(async () => {
  image = await buildImage()
})

afterAll(() => removeImage(image))

const plain = () => ['node', ...image.command]
const supervised = (...options: string[]) => [...image.entrypoint, ...options, ...image.command]

/** A request that the server answers after this time. */
async function slowRequest({ target }: Container, ms: number) {
  const request = await connect(target)
  await request.write(get(`/slow?ms=${ms}`))
  const idle = await connect(target)
  await idle.write(get('/'))
  // The server has read the slow request by then.
  await idle.response()
  return request
}

describe.each([
  ['a server as PID 1', plain, false],
  ['handover run as PID 1', supervised, false],
  ['a server below an init', plain, true],
  ['handover run below an init', supervised, true],
])('%s', (_, command, init) => {
  test('completes the request in flight at the stop signal, and exits with 0', async () => {
    const container = await runContainer(image, { init, command: command() })
    await container.untilHealthy()
    const request = await slowRequest(container, 1_500)
    const stopped = container.stop(20_000)
    await until('the container accepts no connections', () => isRefused(container.target))
    expect((await request.response()).status).toBe(200)
    expect(await stopped).toBe(0)
  })
})

test('a drain that is shorter than the stop timeout ends in order, and its exit code is 1', async () => {
  const container = await runContainer(image, { command: supervised('--drain-timeout', '500ms') })
  await container.untilHealthy()
  const request = await slowRequest(container, 60_000)
  expect(await container.stop(20_000)).toBe(1)
  expect(container.log).toMatch(/drained in \d+ ms: .*1 cut/)
  await request.closed
})

test('a drain that is longer than the stop timeout is killed with its request, and says nothing', async () => {
  const container = await runContainer(image)
  await container.untilHealthy()
  const request = await slowRequest(container, 60_000)
  expect(await container.stop(2_000)).toBe(137)
  expect(container.log).toMatch(/SIGTERM: shutting down/)
  expect(container.log).not.toMatch(/drained in/)
  await request.closed
})

describe('a stop before the server listens', () => {
  /** The server waits this long before it listens. */
  const slowStart = (ms: number) => {
    const copy = copyOf(image)
    const code = `
      import http from 'node:http'
      import { graceful } from '@handover/core'
      const server = http.createServer()
      graceful(server)
      console.log('starting')
      await new Promise((resolve) => setTimeout(resolve, ${ms}))
      server.listen(Number(process.env.PORT))`
    writeFileSync(join(copy.root, copy.folder, 'server.mjs'), code)
    return copy
  }

  test.each([
    ['a server as PID 1 exits with 143', plain, false, 143],
    ['a server below an init exits with 143', plain, true, 143],
    ['handover run as PID 1 exits', supervised, false, 0],
    ['handover run below an init exits', supervised, true, 0],
  ])('%s', async (_, command, init, code) => {
    const container = await runContainer(slowStart(60_000), { init, command: command() })
    await container.untilLogged('starting')
    expect(await container.stop(20_000)).toBe(code)
  })

  test('the kernel ignores the signal as long as PID 1 has no handler', async () => {
    const command = ['node', '-e', "console.log('loading'); setInterval(() => {}, 1_000)"]
    const container = await runContainer(image, { command })
    await container.untilLogged('loading')
    expect(await container.stop(500)).toBe(137)
  })
})

describe('a process that outlives its parent', () => {
  /** At SIGUSR1, which the init and handover run forward, the worker starts a shell that leaves a process behind. */
  function leavesOrphans(): Image {
    const copy = copyOf(image)
    const path = join(copy.root, copy.folder, 'server.mjs')
    const code = `
      import { spawn } from 'node:child_process'
      process.on('SIGUSR1', () => spawn('sh', ['-c', 'sleep 0.2 & exit 0']).on('exit', () => console.log('left behind')))\n`
    writeFileSync(path, code + readFileSync(path, 'utf8'))
    return copy
  }

  async function leaveOrphan(init: boolean): Promise<Container> {
    const container = await runContainer(leavesOrphans(), { init, command: supervised() })
    await container.untilHealthy()
    const before = container.processes.length
    container.kill('SIGUSR1')
    await container.untilLogged('left behind')
    await until('the orphan has ended', () =>
      init ? container.processes.length === before : container.processes.some(({ state }) => state === 'Z'),
    )
    return container
  }

  test('stays as a zombie of handover run as PID 1, which warns and names the remedy', async () => {
    const container = await leaveOrphan(false)
    await container.untilLogged(
      '1 zombie stays: as PID 1, handover run cannot reap processes that others started.',
    )
    expect(container.processes.filter(({ state }) => state === 'Z')).toEqual([
      expect.objectContaining({ parent: container.pid1 }),
    ])
    expect(await container.stop(20_000)).toBe(0)
  })

  test('is reaped by an init', async () => {
    const container = await leaveOrphan(true)
    expect(container.processes.filter(({ state }) => state === 'Z')).toEqual([])
    expect(await container.stop(20_000)).toBe(0)
    expect(container.log).not.toContain('zombie')
  })
})
