// The manifests of examples/kubernetes agree with the API of Kubernetes, with each other and with the program.
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import { defaults } from '../../packages/core/src/base/settings.js'
import {
  type ConfigMap,
  type Deployment,
  type DisruptionBudget,
  exampleFolder,
  manifest,
  manifestNames,
  manifestText,
  type Service,
  variable,
} from '../support/manifests.js'
import { complaintsAbout } from '../support/schema.js'
import { blocksOf } from './pages.js'

const deployments = manifestNames.filter((name) => name.startsWith('deployment'))

test('the manifests have only fields and values that the API of Kubernetes knows', async () => {
  const complaints = await complaintsAbout(manifestNames.map((name) => manifest<object>(name)))
  expect(complaints).toEqual(manifestNames.map(() => []))
})

const program = readFileSync(`${exampleFolder}server.mjs`, 'utf8')
const pathOf = (probe: string) => new RegExp(`${probe}: '(/\\w+)'`).exec(program)?.[1]
const hooks = program.match(/\.(beforeDrain|onDrained)\(/g)?.length ?? 0
/** `handover run` waits this long after all limits of its workers before it kills them. */
const supervisorMs = 5_000
const mib = (text: string) => Number.parseInt(text, 10) * (/Gi?$/.test(text) ? 1024 : 1)

test('the check of the API finds unknown and missing fields and wrong values', async () => {
  const cases = [
    ['deployment.yaml', '"readinessProbe"', '"readynessProbe"', /"readynessProbe"' does not exist/],
    ['deployment.yaml', '"labels"', '"lables"', /"lables"' does not exist/],
    ['service.yaml', '"selector"', '"matchLabels"', /"matchLabels"' does not exist/],
    ['deployment.yaml', '"template"', '"templates"', /required property template/],
    ['deployment.yaml', '"replicas":2', '"replicas":"2"', /replicas must be integer/],
  ] as const
  const broken = cases.map(([name, from, to]) => JSON.parse(JSON.stringify(manifest(name)).replace(from, to)))
  const complaints = await complaintsAbout(broken)
  for (const [i, [, , , complaint]] of cases.entries()) expect(complaints[i]?.join('\n')).toMatch(complaint)
})

test('the guide shows lines of the manifests', () => {
  const blocks = blocksOf('docs/guides/kubernetes.md').filter(({ lang }) => lang === 'yaml')
  expect(blocks.length).toBeGreaterThan(0)
  const foreign = blocks.flatMap(({ code }) => {
    const [, name = '', text = ''] = /^# (\S+)\n(.*)$/s.exec(code) ?? []
    const file = manifestText(name).split('\n')
    const parts = text.trimEnd().split('\n# …\n')
    return parts.filter((part) => !file.some((_, from) => sameLines(file.slice(from), part.split('\n'))))
  })
  expect(foreign).toEqual([])
})

/** Whether lines of a file begin with these lines, apart from a common indentation. */
function sameLines(file: readonly string[], lines: readonly string[]): boolean {
  const indentation = /^ */.exec(file[0] ?? '')?.[0] ?? ''
  return lines.every((line, i) => file[i] === indentation + line)
}

test('the program has at most 40 lines', () => {
  expect(program.trimEnd().split('\n').length).toBeLessThanOrEqual(40)
})

describe.each(deployments)('%s', (name) => {
  const { spec } = manifest<Deployment>(name)
  const pod = spec.template.spec
  const [container] = pod.containers
  const { startupProbe, livenessProbe, readinessProbe } = container
  const milliseconds = (variableName: string) => Number(variable(container, variableName))
  const mount = (volume: string) => container.volumeMounts.find((each) => each.name === volume)?.mountPath

  test('the grace period exceeds the shutdown delay, the drain, the hooks and the supervisor together', () => {
    expect(hooks).toBe(1)
    const ms = milliseconds('SHUTDOWN_DELAY_MS') + milliseconds('DRAIN_TIMEOUT_MS')
    const latest = ms + hooks * defaults.hookTimeoutMs + supervisorMs
    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThan(latest)
  })

  test('the shutdown delay exceeds the time after which the readiness probe has failed', () => {
    const { periodSeconds, failureThreshold, timeoutSeconds = 1 } = readinessProbe
    const failedAfter = periodSeconds * failureThreshold + timeoutSeconds
    expect(milliseconds('SHUTDOWN_DELAY_MS')).toBeGreaterThan(failedAfter * 1000)
  })

  test('the startup probe waits for readyTimeoutMs', () => {
    const { periodSeconds, failureThreshold } = startupProbe
    expect(periodSeconds * failureThreshold * 1000).toBeGreaterThanOrEqual(defaults.readyTimeoutMs)
  })

  test('the probes request the paths of the program on its port', () => {
    expect(startupProbe.httpGet).toEqual({ path: pathOf('liveness'), port: 'http' })
    expect(livenessProbe.httpGet).toEqual({ path: pathOf('liveness'), port: 'http' })
    expect(readinessProbe.httpGet).toEqual({ path: pathOf('readiness'), port: 'http' })
    expect(container.ports).toEqual([{ name: 'http', containerPort: Number(variable(container, 'PORT')) }])
  })

  test('the Service, the disruption budget and the selectors name the labels of the pods', () => {
    const { labels } = spec.template.metadata
    const service = manifest<Service>('service.yaml')
    const budget = manifest<DisruptionBudget>('disruption-budget.yaml')
    expect(service.spec.selector).toEqual(labels)
    expect(service.spec.ports.map(({ targetPort }) => targetPort)).toEqual(['http'])
    expect(budget.spec.selector.matchLabels).toEqual(labels)
    expect(spec.selector.matchLabels).toEqual(labels)
    expect(pod.topologySpreadConstraints.map(({ labelSelector }) => labelSelector.matchLabels)).toEqual([
      labels,
    ])
  })

  test('a rollout and a node drain leave a pod that serves', () => {
    expect(spec.strategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 })
    expect(manifest<DisruptionBudget>('disruption-budget.yaml').spec.maxUnavailable).toBeLessThan(
      spec.replicas,
    )
  })

  test('the program finds its configuration in the volume of the ConfigMap', () => {
    const { metadata, data } = manifest<ConfigMap>('config.yaml')
    expect(pod.volumes.find((volume) => volume.name === 'config')?.configMap).toEqual({ name: metadata.name })
    expect(Object.keys(data).map((key) => `${mount('config')}/${key}`)).toEqual([
      variable(container, 'CONFIG'),
    ])
  })

  test('the pod meets the restricted Pod Security Standard and has a read-only root file system', () => {
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    })
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
  })
})

describe('deployment-with-reloads.yaml', () => {
  const { spec } = manifest<Deployment>('deployment-with-reloads.yaml').spec.template
  const [container] = spec.containers
  const option = (name: string) =>
    container.args?.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1) ?? ''

  test('has the control socket in a writable volume of its own', () => {
    const [volume] = spec.volumes.filter(({ emptyDir }) => emptyDir)
    const folder = container.volumeMounts.find(({ name }) => name === volume?.name)?.mountPath
    expect(dirname(variable(container, 'HANDOVER_CONTROL'))).toBe(folder)
  })

  test('has memory for one more worker, because of reloads, and for the supervisor', () => {
    const { requests, limits } = container.resources
    const workers = (Number(option('--workers')) + 1) * mib(option('--max-memory'))
    expect(mib(limits.memory)).toBeGreaterThanOrEqual(workers + 128)
    expect(requests.memory).toBe(limits.memory)
  })
})
