// Plays the kubelet: each pod is a process on this machine.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { TcpTarget } from '@handover/load'
import { onTestFailed, onTestFinished } from 'vitest'
import { freePort } from './free-port.js'
import { writeVolume } from './kubernetes-volume.js'
import {
  type ConfigMap,
  type Container,
  type Deployment,
  exampleFolder,
  manifest,
  type PodTemplate,
  type Probe,
} from './manifests.js'
import { processesWith } from './processes.js'
import { testNode } from './service.js'
import { tempDir } from './temp-dir.js'
import { until } from './until.js'

/** How a container ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Milliseconds since the pod was deleted. */
  readonly afterMs: number
}

export interface Finished {
  readonly code: number | null
  readonly output: string
}

export interface PodOptions {
  /** Replaces values of variables in the manifest. */
  readonly env?: Readonly<Record<string, string>>
}

const packages = fileURLToPath(new URL('../../packages/', import.meta.url))
let pods = 0

/**
 * A pod as the kubelet runs it: the container's command with its variables and nothing else from this environment.
 * Volumes are folders, so their mount paths are replaced wherever they appear. Each pod has a port of its own instead
 * of an address of its own.
 */
export class Pod {
  readonly name: string
  readonly ended: Promise<Ended>
  readonly port: number
  output = ''
  isReady = false
  isDeleted = false
  /** How often the kubelet would have restarted the container. */
  restarts = 0
  /** How often the readiness probe failed after it had succeeded, before the deletion. */
  unreadiness = 0
  readonly #child: ChildProcess
  readonly #image = imageFolder()
  readonly #env: Record<string, string>
  readonly #volumes: ReadonlyMap<string, string>
  readonly #container: Container
  readonly #graceMs: number
  readonly #gone = new AbortController()
  #deletedAt = 0
  #updates = 1

  static async start(deployment: Deployment, options: PodOptions = {}): Promise<Pod> {
    return new Pod(deployment.metadata.name, deployment.spec.template, await freePort(), options)
  }

  private constructor(app: string, { spec }: PodTemplate, port: number, { env = {} }: PodOptions) {
    const [container] = spec.containers
    this.name = `${app}-${process.pid}-${++pods}`
    this.port = port
    this.#container = container
    this.#graceMs = spec.terminationGracePeriodSeconds * 1000
    this.#volumes = new Map(spec.volumes.map((volume) => [volume.name, folderFor(volume.configMap?.name)]))
    this.#env = { ...this.#variables(), ...env, PORT: String(port) }
    const [file = '', ...args] = [...container.command, ...(container.args ?? [])].map((each) =>
      this.#mapped(each),
    )
    this.#child = this.#spawn(file, args)
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text
    })
    this.ended = once(this.#child, 'close').then(([code, signal]) => {
      this.isReady = false
      this.#gone.abort()
      return { code, signal, afterMs: Math.round(performance.now() - this.#deletedAt) }
    })
    void this.#probe()
    onTestFailed(() => console.error(`${this.name} printed:\n${this.output}`))
    onTestFinished(() => this.#kill())
  }

  get target(): TcpTarget {
    return { host: '127.0.0.1', port: this.port }
  }

  /** Sends SIGTERM at once, and SIGKILL at the end of the grace period. */
  delete(): Promise<Ended> {
    this.isDeleted = true
    this.#deletedAt = performance.now()
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), this.#graceMs)
    return this.ended.finally(() => clearTimeout(timer))
  }

  /** Runs a command in the container, as `kubectl exec` does. */
  async exec(file: string, ...args: readonly string[]): Promise<Finished> {
    const child = this.#spawn(file, args)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    const [code] = await once(child, 'close')
    return { code, output }
  }

  /** Updates the volume of a ConfigMap. */
  updateVolume(name: string, data: ConfigMap['data']): void {
    writeVolume(this.#volumes.get(name) ?? '', String(++this.#updates), data)
  }

  #spawn(file: string, args: readonly string[]): ChildProcess {
    return spawn(file, args, { cwd: this.#image, env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] })
  }

  #variables(): Record<string, string> {
    const set = this.#container.env.map(({ name, value, valueFrom }) => {
      const field = valueFrom?.fieldRef.fieldPath === 'metadata.name' ? this.name : ''
      return [name, this.#mapped(value ?? field)]
    })
    const PATH = [dirname(testNode), process.env.PATH].join(delimiter)
    return { PATH, ...Object.fromEntries(set) }
  }

  /** Replaces the mount paths of volumes by their folders. */
  #mapped(text: string): string {
    return this.#container.volumeMounts.reduce(
      (mapped, { name, mountPath }) => mapped.replaceAll(mountPath, this.#volumes.get(name) ?? ''),
      text,
    )
  }

  /** As the kubelet: no other probe runs before the startup probe succeeds, and liveness ends with the deletion. */
  async #probe(): Promise<void> {
    const { startupProbe, livenessProbe, readinessProbe } = this.#container
    await this.#run(startupProbe, (succeeds) => {
      if (!succeeds) this.restarts++
      return succeeds
    })
    void this.#run(livenessProbe, (succeeds) => {
      if (!succeeds && !this.isDeleted) this.restarts++
      return this.isDeleted
    })
    await this.#run(readinessProbe, (succeeds) => {
      if (this.isReady && !succeeds && !this.isDeleted) this.unreadiness++
      this.isReady = succeeds
      return false
    })
  }

  /** Reports a success, or `failureThreshold` failures in a row, until the callback returns `true`. */
  async #run(probe: Probe, isOver: (succeeds: boolean) => boolean): Promise<void> {
    for (let failures = 0; !this.#gone.signal.aborted; ) {
      const succeeds = await this.#ask(probe)
      if (this.#gone.signal.aborted) return
      failures = succeeds ? 0 : failures + 1
      if ((succeeds || failures >= probe.failureThreshold) && isOver(succeeds)) return
      await pause(probe.periodSeconds * 1000, undefined, { signal: this.#gone.signal }).catch(() => {})
    }
  }

  #ask({ httpGet: { path, port }, timeoutSeconds = 1 }: Probe): Promise<boolean> {
    if (!this.#container.ports.some(({ name }) => name === port)) throw new Error(`there is no port ${port}`)
    return new Promise((resolve) => {
      const request = http.get(
        { ...this.target, path, agent: false, timeout: timeoutSeconds * 1000 },
        (response) => {
          response.resume()
          const { statusCode = 0 } = response
          resolve(statusCode >= 200 && statusCode < 400)
        },
      )
      request.on('timeout', () => request.destroy())
      request.on('error', () => resolve(false))
    })
  }

  async #kill(): Promise<void> {
    const left = () => processesWith('POD_NAME', this.name)
    for (const pid of left()) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // The process has already ended.
      }
    }
    await until(`the processes of ${this.name} have ended`, () => left().length === 0)
    await this.ended
  }
}

/** The working directory of the image: the program and its packages. */
function imageFolder(): string {
  const folder = tempDir()
  copyFileSync(join(exampleFolder, 'server.mjs'), join(folder, 'server.mjs'))
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, '@handover'), { recursive: true })
  symlinkSync(join(packages, 'core'), join(modules, '@handover', 'core'))
  mkdirSync(join(modules, '.bin'))
  const command = `#!/bin/sh\nexec node ${join(packages, 'cli', 'dist', 'main.js')} "$@"\n`
  writeFileSync(join(modules, '.bin', 'handover'), command, { mode: 0o755 })
  return folder
}

/** A folder for a volume: with the data of the ConfigMap, or empty. */
function folderFor(configMap: string | undefined): string {
  const folder = tempDir()
  if (configMap === undefined) return folder
  const { metadata, data } = manifest<ConfigMap>('config.yaml')
  if (metadata.name !== configMap) throw new Error(`there is no ConfigMap ${configMap}`)
  writeVolume(folder, '1', data)
  return folder
}
