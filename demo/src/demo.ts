// The steps of the demo: start, load, three deploys, stop.
import { setTimeout as pause } from 'node:timers/promises'
import type { LoadResult } from '@handover/load'
import { duration, outcomes, quantity } from './format.js'
import type { Generation } from './generations.js'
import { LiveClients, type LiveResult, liveDescription } from './live-clients.js'
import { liveLines } from './live-lines.js'
import { Load, loadDescription, whoAnswers } from './load.js'
import { Problem } from './problem.js'
import { Releases, version } from './releases.js'
import { Service } from './service.js'
import type { Deploy, Stage, View } from './stage.js'

/** The deploys after release 1. */
const plan = [{ n: 2 }, { n: 3, isBad: true }, { n: 4 }]

export interface DemoOptions {
  /** The folder to deploy, with `server.mjs`, `package.json` and `node_modules`. */
  readonly service: string
  /** 0 means any free port. */
  readonly port: number
  readonly view: View
  /** How long the load runs between two deploys, so that the effect is visible. */
  readonly betweenMs?: number
  /** The time limit of each step: start, handover, drain and stop. */
  readonly limitMs?: number
}

interface Clients {
  readonly load: Load
  readonly live: LiveClients
}

/** The results for the report and the verdict. */
export interface Outcome {
  readonly load: LoadResult
  readonly live: LiveResult
  readonly deploys: readonly Deploy[]
  readonly generations: readonly Generation[]
}

export class Demo {
  readonly stage: Stage = {
    startedAt: performance.now(),
    deploys: [],
    generations: undefined,
    load: undefined,
    live: undefined,
  }
  readonly #options: Required<DemoOptions>
  #releases: Releases | undefined
  #service: Service | undefined

  constructor(options: DemoOptions) {
    // A drain ends by itself after 30 seconds, so a step that takes longer hangs.
    this.#options = { betweenMs: 3_000, limitMs: 40_000, ...options }
  }

  /** Throws a `Problem` when the demo ends without a result. */
  async run(): Promise<Outcome> {
    const { view, betweenMs } = this.#options
    view.open(this.stage)
    try {
      const service = await this.#start()
      const clients = this.#startClients(service)
      await pause(betweenMs)
      for (const { n, isBad = false } of plan) {
        await this.#deploy(service, n, isBad)
        await pause(betweenMs)
      }
      const results = await this.#stopClients(clients)
      await this.#stop(service)
      return { ...results, deploys: this.stage.deploys, generations: service.generations.all }
    } finally {
      view.close()
      this.clean()
    }
  }

  /** Ends all processes and removes all files of the demo. Can be called at any time, and repeatedly. */
  clean(): void {
    void this.stage.load?.stop()
    this.stage.live?.stop()
    this.#service?.kill()
    this.#releases?.remove()
  }

  async #start(): Promise<Service> {
    const { service: program, port, limitMs, view } = this.#options
    const releases = new Releases(program)
    this.#releases = releases
    releases.deploy(1)
    const service = new Service({ folder: releases.current, port, release: version(1) })
    this.#service = service
    this.stage.generations = service.generations
    const first = await service.until(
      () => (service.port === undefined ? undefined : service.generations.serving),
      limitMs,
      () =>
        `The service was not ready after ${duration(limitMs)}. It printed:\n${service.errors || 'nothing'}`,
    )
    view.say(`release ${first.release} serves on http://localhost:${service.port} as pid ${first.pid}`)
    return service
  }

  #startClients(service: Service): Clients {
    const { view } = this.#options
    const port = service.port as number
    const clients = { load: new Load(port), live: new LiveClients(port) }
    Object.assign(this.stage, clients)
    view.say(loadDescription)
    view.say(liveDescription)
    return clients
  }

  /** Resolves when every client has its last response, message or event. */
  async #stopClients(clients: Clients): Promise<Pick<Outcome, 'load' | 'live'>> {
    const { view } = this.#options
    const [load, live] = await Promise.all([clients.load.stop(), clients.live.finish()])
    view.say(`the load has ended: ${quantity(load.requests, 'request')} answered, ${load.failed} failed`)
    for (const line of liveLines(live)) view.say(line)
    return { load, live }
  }

  async #deploy(service: Service, n: number, isBad: boolean): Promise<void> {
    const { view } = this.#options
    const from = await this.#serving(service)
    const number = this.stage.deploys.length + 1
    const deploy: Deploy = { number, release: version(n), isBad, from }
    this.stage.deploys.push(deploy)

    this.#releases?.deploy(n, { isBad })
    service.generations.deploy(deploy.release)
    this.stage.load?.mark(String(number))
    view.say(`deploy ${number}: current -> releases/${n}, kill -HUP ${from.pid}`)
    service.signal(from.pid as number, 'SIGHUP')

    await this.#outcome(service, deploy)
    deploy.answer = await whoAnswers(service.port as number)
    view.say(`GET / answers ${deploy.answer}`)
    if (deploy.outcome === 'handed-over') await this.#drained(service, from)
  }

  /** Resolves when the successor has taken over or failed. */
  async #outcome(service: Service, deploy: Deploy): Promise<void> {
    const { view, limitMs } = this.#options
    const { from, number, release } = deploy
    const startedAt = performance.now()
    const { all } = service.generations
    const known = new Set(all)
    const look = () => {
      const to = all.find((each) => !known.has(each))
      if (to?.state === 'failed') return { to, outcome: 'failed' as const }
      return to && from.state === 'draining' ? { to, outcome: 'handed-over' as const } : undefined
    }
    const late = () =>
      `Deploy ${number} did not end in ${duration(limitMs)}: generation ${from.number} is ${from.state}.`
    Object.assign(deploy, await service.until(look, limitMs, late))
    const took = duration(performance.now() - startedAt)
    if (deploy.outcome === 'failed') {
      const why = deploy.to?.failure?.failure
      view.say(`release ${release} failed to start: ${why?.cause?.message ?? why?.message}`)
      view.say(`generation ${from.number} keeps serving`)
    } else
      view.say(`${named(deploy.to as Generation)} took over after ${took}; generation ${from.number} drains`)
  }

  /** Resolves when a predecessor has exited. */
  async #drained(service: Service, predecessor: Generation): Promise<void> {
    const { view, limitMs } = this.#options
    const { number } = predecessor
    const look = () => (predecessor.state === 'exited' ? predecessor.finished?.drain : undefined)
    const late = () =>
      `Generation ${number} still drains after ${duration(limitMs)}: it waits for ${predecessor.waitsFor[0] ?? 'idle connections'}.`
    const drain = await service.until(look, limitMs, late)
    view.say(`generation ${number} exited after ${duration(drain.ms)}; ${outcomes(drain)}`)
  }

  async #stop(service: Service): Promise<void> {
    const { view, limitMs } = this.#options
    const last = await this.#serving(service)
    view.say(`stop: kill -TERM ${last.pid}`)
    service.signal(last.pid as number, 'SIGTERM')
    await this.#drained(service, last)
    const late = AbortSignal.timeout(limitMs)
    await Promise.race([
      service.ended,
      new Promise((_, reject) => late.addEventListener('abort', () => reject(stillRuns(limitMs)))),
    ])
  }

  #serving(service: Service): Promise<Generation> {
    const { limitMs } = this.#options
    const late = () => `No generation was ready within ${duration(limitMs)}.`
    return service.until(() => service.generations.serving, limitMs, late)
  }
}

const named = ({ number, pid }: Generation): string => `generation ${number} (pid ${pid})`

const stillRuns = (limitMs: number): Problem =>
  new Problem(
    `A process of the service still runs ${duration(limitMs)} after the last generation reported its exit.`,
  )
