/** The result of a run, as bench/results/scale.json stores it. */
export type SectionName = 'connections' | 'listeners' | 'workers' | 'generations' | 'state'

/** What one round measured, in the units of sections.ts. */
export type Figures = Readonly<Record<string, number>>

export interface Point {
  readonly size: number
  readonly rounds: readonly Figures[]
}

export interface Machine {
  readonly node: string
  readonly system: string
  readonly processor: string
  readonly cores: number
  readonly memoryGiB: number
  /** The limit of file descriptors per process. */
  readonly descriptors: number
}

export interface ScaleResult {
  readonly date: string
  readonly machine: Machine
  /** Sizes that need more file descriptors per process than the machine allows. */
  readonly skipped: readonly number[]
  readonly sections: Readonly<Partial<Record<SectionName, readonly Point[]>>>
}
