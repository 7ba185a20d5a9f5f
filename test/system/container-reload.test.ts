// Reloads in a container: with `handover run` as PID 1, below an init, and refused where the container would end.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keepAlive, mixedLoad, newConnections, slowRequests, Tally } from '@handover/load'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Container, runContainer } from '../support/container.js'
import { buildImage, copyOf, type Image, removeImage } from '../support/container-image.js'
import { askOnce, givenBy } from '../support/http.js'
import { until } from '../support/until.js'

const answer = /^\{"generation":\d+,"pid":\d+\}$/
const reload = ['node_modules/.bin/handover', 'reload'] as const
let image: Image

beforeAll(async () => {
  image = await buildImage()
})

afterAll(() => removeImage(image))

const generationOf = async ({ target }: Container) => givenBy(await askOnce(target, '/')).generation

describe.each([
  ['handover run as PID 1', false],
  ['handover run below an init', true],
])('%s', (_, init) => {
  test('replaces the worker under load without a failed request', async () => {
    const container = await runContainer(image, { init })
    await container.untilHealthy()
    const [tally, over] = [new Tally(), new AbortController()]
    const clients = { clients: 4, answer }
    const workloads = [newConnections(clients), keepAlive(clients), slowRequests({ ...clients, ms: 300 })]
    const load = mixedLoad(container.target, { workloads, tally, signal: over.signal })
    await until('the container is under load', () => tally.requests > 50)
    expect((await container.exec(...reload)).code).toBe(0)
    container.kill('SIGHUP')
    await until('generation 3 serves the clients', () => (tally.servedBy.get(3) ?? 0) > 50)
    over.abort()
    const { failures } = await load
    expect(failures).toEqual([])
    expect(await container.stop(20_000)).toBe(0)
  })

  test('keeps serving when the new release fails', async () => {
    const copy = copyOf(image)
    const container = await runContainer(copy, { init })
    await container.untilHealthy()
    const server = join(copy.root, copy.folder, 'server.mjs')
    const good = readFileSync(server, 'utf8')
    writeFileSync(server, `throw new Error('no configuration')\n${good}`)
    const refused = await container.exec(...reload)
    expect(refused.code).toBe(1)
    expect(refused.output).toContain('no configuration')
    expect(await generationOf(container)).toBe(1)
    writeFileSync(server, good)
    expect((await container.exec(...reload)).code).toBe(0)
    expect(await generationOf(container)).toBe(2)
  })
})

describe.each([
  ['PID 1', false, 'this process is PID 1'],
  ['below an init', true, 'tini exits with this process'],
])('a server without handover run, %s', (_, init, why) => {
  test('refuses a reload, which would end the container', async () => {
    const container = await runContainer(image, { init, command: ['node', ...image.command] })
    await container.untilHealthy()
    container.kill('SIGHUP')
    await container.untilLogged(
      `SIGHUP ignored: A reload is not possible here: ${why}, so a handover would end the container. ` +
        'Generation 1 keeps serving. Start the program with handover run, whose pid stays.',
    )
    const refused = await container.exec(...reload)
    expect(refused.code).not.toBe(0)
    expect(refused.output).toContain(`ERR_HANDOVER_UNSUPPORTED`)
    expect(await generationOf(container)).toBe(1)
    expect(await container.stop(20_000)).toBe(0)
  })
})

test('a server refuses a reload when its parent is outside the PID namespace', async () => {
  // As the main process of a container whose pod shares the PID namespace.
  const container = await runContainer(image)
  await container.untilHealthy()
  const started = container.exec(
    'env',
    'PORT=0',
    'HANDOVER_CONTROL=/run/app/other.sock',
    'node',
    ...image.command,
  )
  const other = [...reload, '--control', '/run/app/other.sock']
  await until('the other server refuses a reload', async () =>
    (await container.exec(...other)).output.includes('this process is the main process of a container'),
  )
  await container.exec('node_modules/.bin/handover', 'stop', '--control', '/run/app/other.sock')
  expect((await started).code).toBe(0)
})
