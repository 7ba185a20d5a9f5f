// Who there is and was, as the log lines tell.
import type { FinalReport, ReloadReport, StateChange } from '@handover/core'
import type { Telling } from './tellings.js'

/** One process. */
export interface Generation {
  readonly number: number
  /** The version that it runs. */
  readonly release: string
  /** Of a successor, not known before it says that it is ready or its reload has failed. */
  pid?: number
  state: StateChange['state'] | 'failed'
  onProbation: boolean
  because?: StateChange['because']
  /** When the state began, in the milliseconds of `performance.now()`. */
  since: number
  /** Connections that were open when it began to drain. */
  openAtDrain?: number
  /** The requests that hold its drain, as it says each second. */
  waitsFor: readonly string[]
  /** Its last report. */
  finished?: FinalReport
  /** Why it did not come up. */
  failure?: ReloadReport
}

export class Generations {
  readonly all: Generation[] = []
  /** The version that a generation that starts from now on runs. */
  #release: string
  readonly #now: () => number

  constructor(release: string, now: () => number = () => performance.now()) {
    this.#release = release
    this.#now = now
  }

  /** `current` leads to another release. */
  deploy(release: string): void {
    this.#release = release
  }

  /** The one that serves: the last that is not known to have failed, to leave, or to be on its way still. */
  get serving(): Generation | undefined {
    return this.all.findLast(
      ({ state, onProbation }) => (state === 'ready' && !onProbation) || state === 'handing-over',
    )
  }

  tell(telling: Telling): void {
    switch (telling.kind) {
      case 'state':
        this.#changed(telling.change, telling.open)
        return
      case 'waiting':
        this.#of(telling.pid).waitsFor = telling.activeWork.map(({ what }) => what)
        return
      case 'reload-failed':
        this.#failed(telling.report)
        return
      case 'finished':
        this.#of(telling.report.pid, telling.report.generation).finished = telling.report
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
    const failed = pid === undefined ? this.#untold(generation) : this.#of(pid, generation)
    Object.assign(failed, { state: 'failed', failure: report, since: this.#now(), onProbation: false })
  }

  #of(pid: number, number = 0): Generation {
    const known = this.all.find((each) => each.pid === pid)
    return known ?? Object.assign(this.#untold(number), { pid })
  }

  /** The process that was started last, and has told nothing yet. */
  #untold(number: number): Generation {
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
