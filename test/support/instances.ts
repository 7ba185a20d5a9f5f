// The instances of one service behind a load balancer, each on a host of its own, and a rolling deployment of them.
import { join } from 'node:path'
import { keepAlive, mixedLoad, newConnections, Tally, uploads } from '@handover/load'
import { expect } from 'vitest'
import { cli } from './cli.js'
import { askOnce } from './http.js'
import { LongLived } from './long-lived.js'
import { type Host, startHosts } from './network.js'
import { type Service, type ServiceOptions, startService } from './service.js'
import { startRun } from './supervised.js'
import { tempDir } from './temp-dir.js'
import { until } from './until.js'

/** The number of WebSockets, and of event streams: with three instances, each has some. */
const clients = 6
const longestMs = 100_000
const think = { minMs: 0, maxMs: 100 }
const workloads = () => [
  newConnections({ clients: 2, think }),
  keepAlive({ clients: 12, think }),
  // POST requests that a proxy must not send twice: short ones, and one that takes a while.
  uploads({ clients: 12, bytes: 1000, overMs: 0, think }),
  uploads({ clients: 2, bytes: 256 * 1024, overMs: 500 }),
]

export interface InstanceOptions {
  /** Options of Handover, besides readiness. */
  readonly graceful?: object
  readonly server?: object
  /** Under `handover run`, with this many workers. */
  readonly workers?: number
}

export class Instance {
  service!: Service
  readonly #host: Host
  readonly #control = join(tempDir(), 'control')
  readonly #options: InstanceOptions

  constructor(host: Host, options: InstanceOptions) {
    this.#host = host
    this.#options = options
  }

  /** The processes of this instance. */
  get pids(): readonly number[] {
    return this.service.processes()
  }

  async start(): Promise<void> {
    const { graceful, server, workers } = this.#options
    const options: ServiceOptions = {
      shell: this.#host.shell,
      config: {
        listen: { host: this.#host.address, port: 3000 },
        everyMs: 50,
        server,
        graceful: {
          health: { readiness: '/readyz' },
          probationMs: 100,
          ...(!workers && { control: this.#control }),
          ...graceful,
        },
      },
    }
    const run = ['--workers', String(workers), '--control', this.#control]
    this.service = await (workers
      ? startRun('web-app.mjs', { ...options, run })
      : startService('web-app.mjs', options))
  }

  /** Sends SIGTERM, as a service manager does, and waits for the exit. */
  async stop(): Promise<void> {
    const { service } = this
    const pid = this.#options.workers ? service.pid : service.serving.pid
    service.signal('SIGTERM', pid)
    expect(await service.exitOf(pid)).toMatchObject({ code: 0 })
  }

  async reload(): Promise<void> {
    const { code, stderr } = await cli(['reload', '--control', this.#control])
    expect({ code, stderr }).toMatchObject({ code: 0 })
  }
}

/** Counts responses by the process that sent them. */
class TallyOfProcesses extends Tally {
  readonly #served = new Map<number, number>()

  override answered(...[workload, ms, by]: Parameters<Tally['answered']>): void {
    super.answered(workload, ms, by)
    if (by) this.#served.set(by.pid, (this.#served.get(by.pid) ?? 0) + 1)
  }

  /** Responses of these processes. */
  from(pids: readonly number[]): number {
    return pids.reduce((sum, pid) => sum + (this.#served.get(pid) ?? 0), 0)
  }
}

/** Three instances on 10.77.0.11 to 13, and the host of the load balancer, 10.77.0.10. */
export interface Balanced {
  readonly host: Host
  readonly instances: readonly Instance[]
}

export async function startInstances(options: InstanceOptions): Promise<Balanced> {
  const [host, ...hosts] = (await startHosts([10, 11, 12, 13])) as [Host, ...Host[]]
  const instances = hosts.map((each) => new Instance(each, options))
  await Promise.all(instances.map((each) => each.start()))
  return { host, instances }
}

export type Replace = (instance: Instance) => Promise<void>

export const stopAndStart: Replace = async (instance) => {
  await instance.stop()
  await instance.start()
}

export const reload: Replace = (instance) => instance.reload()

/**
 * Replaces one instance after the other under load, and waits each time until the load balancer uses a new process. No
 * request fails, and no message or event is lost. Resolves with how the WebSockets and event streams ended.
 */
export async function deploy({ host, instances }: Balanced, replace: Replace): Promise<readonly string[]> {
  const target = await host.forward(80)
  const answers = () =>
    askOnce(target, '/').then(
      ({ status }) => status === 200,
      () => false,
    )
  await until('the load balancer answers', answers)
  const longLived = new LongLived(target, clients)
  const over = new AbortController()
  const tally = new TallyOfProcesses()
  const load = mixedLoad(target, { workloads: workloads(), tally, signal: over.signal, maxMs: longestMs })
  const used = ({ pids }: Instance, besides: readonly number[] = []) =>
    tally.from(pids.filter((pid) => !besides.includes(pid))) > 0
  const all = () => longLived.connected === 2 * clients && instances.every((each) => used(each))
  await until('the load balancer uses all instances', all)
  for (const instance of instances) {
    const before = instance.pids
    await replace(instance)
    await until('the load balancer uses a new process', () => used(instance, before))
  }
  over.abort()
  expect((await load).failures).toEqual([])
  await longLived.conclude()
  expect(longLived.faults).toEqual([])
  return longLived.endings
}
