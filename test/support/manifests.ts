// The manifests of examples/kubernetes.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

export const exampleFolder = fileURLToPath(new URL('../../examples/kubernetes/', import.meta.url))

export type Labels = Readonly<Record<string, string>>

export interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
  readonly periodSeconds: number
  readonly timeoutSeconds?: number
  readonly failureThreshold: number
}

export interface EnvVar {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } }
}

export interface Container {
  readonly name: string
  readonly workingDir: string
  readonly command: readonly string[]
  readonly args?: readonly string[]
  readonly env: readonly EnvVar[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly startupProbe: Probe
  readonly livenessProbe: Probe
  readonly readinessProbe: Probe
  readonly resources: {
    readonly requests: { readonly memory: string }
    readonly limits: { readonly memory: string }
  }
  readonly securityContext: object
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}

export interface Volume {
  readonly name: string
  readonly configMap?: { readonly name: string }
  readonly emptyDir?: object
}

export interface PodTemplate {
  readonly metadata: { readonly labels: Labels }
  readonly spec: {
    readonly terminationGracePeriodSeconds: number
    readonly securityContext: { readonly runAsUser: number }
    readonly topologySpreadConstraints: readonly {
      readonly labelSelector: { readonly matchLabels: Labels }
    }[]
    readonly containers: readonly [Container]
    readonly volumes: readonly Volume[]
  }
}

export interface Deployment {
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly replicas: number
    readonly strategy: {
      readonly rollingUpdate: { readonly maxSurge: number; readonly maxUnavailable: number }
    }
    readonly selector: { readonly matchLabels: Labels }
    readonly template: PodTemplate
  }
}

export interface Service {
  readonly spec: {
    readonly selector: Labels
    readonly ports: readonly { readonly targetPort: string }[]
  }
}

export interface DisruptionBudget {
  readonly spec: { readonly maxUnavailable: number; readonly selector: { readonly matchLabels: Labels } }
}

export interface ConfigMap {
  readonly metadata: { readonly name: string }
  readonly data: Readonly<Record<string, string>>
}

export const manifestNames = readdirSync(exampleFolder).filter((name) => name.endsWith('.yaml'))

export const manifestText = (name: string): string => readFileSync(`${exampleFolder}${name}`, 'utf8')

export const manifest = <T = unknown>(name: string): T => parse(manifestText(name))

/** The value of a variable in the manifest. */
export function variable({ env }: Container, name: string): string {
  const value = env.find((each) => each.name === name)?.value
  if (value === undefined) throw new Error(`the container has no variable ${name}`)
  return value
}
