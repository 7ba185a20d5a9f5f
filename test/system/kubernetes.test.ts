// The containers of examples/kubernetes in namespaces, with the user, mounts and read-only root that the manifests set.
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Container, runContainer } from '../support/container.js'
import { buildImage, copyOf, type Image, removeImage } from '../support/container-image.js'
import { askOnce } from '../support/http.js'
import { writeVolume } from '../support/kubernetes-volume.js'
import { type ConfigMap, type Deployment, exampleFolder, manifest } from '../support/manifests.js'
import { until } from '../support/until.js'

const { data } = manifest<ConfigMap>('config.yaml')
let built: Image

beforeAll(async () => {
  built = await buildImage()
})

afterAll(() => removeImage(built))

interface Started {
  readonly container: Container
  /** The volume of the ConfigMap. */
  readonly config: string
}

/** Starts the container of a Deployment and waits until it is ready. */
async function start(name: string): Promise<Started> {
  const { spec } = manifest<Deployment>(name).spec.template
  const [{ command, args = [], env, workingDir, readinessProbe, ...container }] = spec.containers
  const image = copyOf(built)
  copyFileSync(join(exampleFolder, 'server.mjs'), join(image.root, workingDir, 'server.mjs'))
  const mount = (volume: string) => container.volumeMounts.find((each) => each.name === volume)?.mountPath
  const config = join(image.root, mount('config') ?? '')
  mkdirSync(config, { recursive: true })
  writeVolume(config, '1', data)
  const writable = spec.volumes.find(({ emptyDir }) => emptyDir)?.name
  // Each container of this machine needs a port of its own. Other tests wait for the shutdown delay.
  const { PORT, ...variables } = Object.fromEntries(env.map((each) => [each.name, each.value ?? 'pod']))
  const started = await runContainer(
    { ...image, folder: workingDir, user: String(spec.securityContext.runAsUser) },
    {
      command: [...command, ...args],
      // An emptyDir is writable for every user.
      tmpfs: writable === undefined ? '' : `${mount(writable)}:mode=0777`,
      env: { ...variables, SHUTDOWN_DELAY_MS: '0' },
    },
  )
  await started.untilLogged('is ready')
  await until('the container is ready', async () => {
    return (await askOnce(started.target, readinessProbe.httpGet.path)).status === 200
  })
  return { container: started, config }
}

const greetingOf = async ({ target }: Container) => JSON.parse((await askOnce(target, '/')).text).greeting

test('the container with reloads runs as the manifest says, and reloads by command and by ConfigMap', async () => {
  const { container, config } = await start('deployment-with-reloads.yaml')
  expect(await container.exec('node_modules/.bin/handover', 'reload')).toMatchObject({ code: 0 })
  writeVolume(config, '2', { 'app.json': '{ "greeting": "good morning" }' })
  await until('the greeting changes', async () => (await greetingOf(container)) === 'good morning')
  expect(await container.stop(30_000)).toBe(0)
})

test('the container with one process runs as the manifest says, and refuses a reload', async () => {
  const { container } = await start('deployment.yaml')
  container.kill('SIGHUP')
  await container.untilLogged('a handover would end the container')
  expect(await greetingOf(container)).toBe('hello')
  expect(await container.stop(30_000)).toBe(0)
})
