// Runs what the manifests of examples/kubernetes say, with a kubelet, a Service and a rollout that the test plays.
import { keepAlive, type LoadResult, newConnections, type Workload } from '@handover/load'
import { expect, test } from 'vitest'
import { askOnce } from '../support/http.js'
import { underLoad } from '../support/load.js'
import { type Deployment, manifest, variable } from '../support/manifests.js'
import { Pod, type PodOptions } from '../support/pods.js'
import { rollOut, Service } from '../support/rollout.js'
import { until } from '../support/until.js'

const plain = manifest<Deployment>('deployment.yaml')
const reloading = manifest<Deployment>('deployment-with-reloads.yaml')
const delayMs = Number(variable(plain.spec.template.spec.containers[0], 'SHUTDOWN_DELAY_MS'))
/** The removal of a deleted pod from the endpoints reaches the Service this late. */
const endpointsDelayMs = 0.6 * delayMs

/** Clients that open a connection for each request, and clients that keep theirs. */
const clients = (greetings = 'hello'): Workload[] => {
  const answer = new RegExp(`^\\{"greeting":"(${greetings})","pod":"app-\\d+-\\d+","pid":\\d+\\}\n$`)
  const think = { minMs: 5, maxMs: 100 }
  return [newConnections({ clients: 2, answer, think }), keepAlive({ clients: 6, answer, think })]
}

const load = (service: Service, work: () => Promise<unknown>, greetings?: string): Promise<LoadResult> =>
  underLoad(service.target, work, clients(greetings))

async function startPod(deployment: Deployment, options?: PodOptions): Promise<Pod> {
  const pod = await Pod.start(deployment, options)
  await until('the pod is ready', () => pod.isReady)
  return pod
}

async function serve(...pods: Pod[]): Promise<Service> {
  const service = await Service.start()
  for (const pod of pods) service.add(pod)
  return service
}

test('no request fails when a pod of either Deployment is deleted before the Service knows', async () => {
  await Promise.all([plain, reloading].map(loseOnePod))
})

async function loseOnePod(deployment: Deployment): Promise<void> {
  const [pod, other] = await Promise.all([startPod(deployment), startPod(deployment)])
  const service = await serve(pod, other)
  const { failures, requests } = await load(service, async () => {
    await until('the pod has clients', () => (service.connections.get(pod)?.total ?? 0) > 5)
    const ended = service.delete(pod, endpointsDelayMs)
    await until('the readiness probe fails', () => !pod.isReady)
    const { code, signal, afterMs } = await ended
    expect({ code, signal }).toEqual({ code: 0, signal: null })
    expect(afterMs).toBeLessThan(deployment.spec.template.spec.terminationGracePeriodSeconds * 1000)
  })
  expect(failures).toEqual([])
  expect(requests).toBeGreaterThan(100)
  expect(service.connections.get(pod)?.afterDeletion).toBeGreaterThan(0)
  expect([pod.restarts, other.restarts]).toEqual([0, 0])
}

test('requests fail when a pod without a shutdown delay is deleted before the Service knows', async () => {
  const pod = await startPod(plain, { env: { SHUTDOWN_DELAY_MS: '0' } })
  const service = await serve(pod, await startPod(plain))
  const { failures } = await load(service, () => service.delete(pod, 1_500))
  expect(failures.length).toBeGreaterThan(0)
})

test('no request fails while a rollout replaces both pods', async () => {
  const old = [await startPod(plain), await startPod(plain)]
  const service = await serve(...old)
  const { failures } = await load(service, async () => {
    const { pods, ended } = await rollOut(plain, service, old, {
      start: () => Pod.start(plain),
      delayMs: endpointsDelayMs,
    })
    expect(pods).toHaveLength(2)
    expect(ended.map(({ code }) => code)).toEqual([0, 0])
  })
  expect(failures).toEqual([])
  expect(service.connections.size).toBe(4)
  for (const { total } of service.connections.values()) expect(total).toBeGreaterThan(0)
})

test('a pod reloads by command and when its ConfigMap changes, without a failed request', async () => {
  const pod = await startPod(reloading)
  const service = await serve(pod)
  const reload = () => pod.exec('node_modules/.bin/handover', 'reload', '--queue')
  const greeting = async () => JSON.parse((await askOnce(pod.target, '/')).text).greeting
  const work = async () => {
    expect(await reload()).toMatchObject({ code: 0 })

    pod.updateVolume('config', { 'app.json': '{ "greeting": "good morning" }' })
    await until('the greeting changes', async () => (await greeting()) === 'good morning')
    // Waits until the reload has replaced both workers.
    expect(await reload()).toMatchObject({ code: 0 })

    pod.updateVolume('config', { 'app.json': '{}' })
    await until('the reload fails', () => pod.output.includes('app.json has no greeting'))
    expect(await reload()).toMatchObject({
      code: 1,
      output: expect.stringContaining('app.json has no greeting'),
    })
    expect(await greeting()).toBe('good morning')
  }
  const { failures } = await load(service, work, 'hello|good morning')
  expect(failures).toEqual([])
  expect(pod).toMatchObject({ isReady: true, restarts: 0, unreadiness: 0 })
})
