// Plays the Service and the rollout of one Deployment on this machine.
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { TcpTarget } from '@handover/load'
import { onTestFinished } from 'vitest'
import type { Deployment } from './manifests.js'
import type { Ended, Pod } from './pods.js'
import { until } from './until.js'

/**
 * A Service: new connections go to a random pod that is ready, as kube-proxy does it. The removal of a pod from the
 * endpoints reaches the Service late, and established connections stay on their pod.
 */
export class Service {
  /** The number of connections that each pod got, and how many of them came after its deletion. */
  readonly connections = new Map<Pod, { total: number; afterDeletion: number }>()
  readonly #pods = new Set<Pod>()
  readonly #server = net.createServer((client) => this.#connect(client))

  static async start(): Promise<Service> {
    const service = new Service()
    service.#server.listen(0, '127.0.0.1')
    await once(service.#server, 'listening')
    onTestFinished(() => void service.#server.close())
    return service
  }

  get target(): TcpTarget {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port }
  }

  add(pod: Pod): void {
    this.#pods.add(pod)
    this.connections.set(pod, { total: 0, afterDeletion: 0 })
  }

  /** Deletes the pod. The Service still sends connections to it for `delayMs`. */
  async delete(pod: Pod, delayMs: number): Promise<Ended> {
    const ended = pod.delete()
    await pause(delayMs)
    this.#pods.delete(pod)
    return ended
  }

  #connect(client: net.Socket): void {
    const pods = [...this.#pods]
    const pod = pods[Math.floor(Math.random() * pods.length)]
    if (!pod) return void client.resetAndDestroy()
    const count = this.connections.get(pod)
    if (count) {
      count.total++
      if (pod.isDeleted) count.afterDeletion++
    }
    const server = net.connect(pod.target)
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.setNoDelay(true).on('error', () => to.resetAndDestroy())
      from.pipe(to)
    }
  }
}

/** Replaces the pods of a Deployment as its `strategy` says. Resolves with the new pods when the old ones have ended. */
export async function rollOut(
  { spec }: Deployment,
  service: Service,
  old: readonly Pod[],
  { start, delayMs }: { readonly start: () => Promise<Pod>; readonly delayMs: number },
): Promise<{ readonly pods: readonly Pod[]; readonly ended: readonly Ended[] }> {
  const { maxSurge, maxUnavailable } = spec.strategy.rollingUpdate
  const waiting = [...old]
  const pods: Pod[] = []
  const ended: Promise<Ended>[] = []
  while (pods.length < spec.replicas || waiting.length > 0) {
    while (pods.length < spec.replicas && pods.length + waiting.length < spec.replicas + maxSurge) {
      pods.push(await start())
    }
    await until('the new pods are ready', () => pods.every(({ isReady }) => isReady))
    for (const pod of pods) if (!service.connections.has(pod)) service.add(pod)
    while (waiting.length > 0 && pods.length + waiting.length > spec.replicas - maxUnavailable) {
      const [pod] = waiting.splice(0, 1)
      if (pod) ended.push(service.delete(pod, delayMs))
    }
  }
  return { pods, ended: await Promise.all(ended) }
}
