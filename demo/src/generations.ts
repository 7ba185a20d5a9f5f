// All generations of the service, past and present, according to its log.
import type { FinalReport, ReloadReport, StateChange } from '@handover/core'
import type { LogEvent } from './log-lines.js'

/** One process of the service. */
export interface Generation {
  readonly number: number
  /** The version that this process runs. */
  readonly release: string
  /** Unknown for a successor until it is ready or its reload has failed. */
  pid?: number
  state: StateChange['state'] | 'failed'
  onProbation: boolean
  because?: StateChange['because']
  /** When the state began, from `performance.now()`. */
  since: number
  /** Open connections at the start of the drain. */
  openAtDrain?: number
  /** The requests that hold its drain, updated every second. */
  waitsFor: readonly string[]
  /** Its final report. */
  finished?: FinalReport
  /** Why it failed to start. */
  failure?: ReloadReport
}

export class Generations {
  readonly all: Generation[] = []
  /** The version that the next generations run. */
  #release: string
  readonly #now: () => number

  constructor(release: string, now: () => number = () => performance.now()) {
    this.#release = release
    this.#now = now
  }

  /** Records that `current` now points at this release. */
  deploy(release: string): void {
    this.#release = release
  }

  /** The serving generation: the latest one that is ready and not on probation, or is handing over. */
  get serving(): Generation | undefined {
    return this.all.findLast(
      ({ state, onProbation }) => (state === 'ready' && !onProbation) || state === 'handing-over',
    )
  }

  update(event: LogEvent): void {
    switch (event.kind) {
      case 'state':
        this.#changed(event.change, event.open)
        return
      case 'waiting':
        this.#of(event.pid).waitsFor = event.activeWork.map(({ what }) => what)
        return
      case 'reload-failed':
        this.#failed(event.report)
        return
      case 'finished':
        this.#of(event.report.pid, event.report.generation).finished = event.report
    }
  }

  #changed({ state, because, onProbation, generation, pid }: StateChange, open: number): void {
    const changed = this.#of(pid, generation)
    if (changed.state !== state) changed.since = this.#now()
    changed.state = state
    changed.onProbation = onProbation === true
    if (because) changed.because = because
    if (state === 'draining') changed.openAtDrain ??= open
    if (state === 'handing-over') this.#add(generation + 1)
  }

  #failed(report: ReloadReport): void {
    const { generation, pid } = report.successor
    const failed = pid === undefined ? this.#unnamed(generation) : this.#of(pid, generation)
    Object.assign(failed, { state: 'failed', failure: report, since: this.#now(), onProbation: false })
  }

  #of(pid: number, number = 0): Generation {
    const known = this.all.find((each) => each.pid === pid)
    return known ?? Object.assign(this.#unnamed(number), { pid })
  }

  /** The latest process whose pid is not known yet. */
  #unnamed(number: number): Generation {
    const starting = this.all.findLast(({ pid, state }) => pid === undefined && state === 'starting')
    return starting ?? this.#add(number)
  }

  #add(number: number): Generation {
    const added: Generation = {
      number,
      release: this.#release,
      state: 'starting',
      onProbation: false,
      since: this.#now(),
      waitsFor: [],
    }
    this.all.push(added)
    return added
  }
}
