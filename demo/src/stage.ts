import type { Generation, Generations } from './generations.js'
import type { Load } from './load.js'

/** One deploy, as far as it has come. */
export interface Deploy {
  readonly number: number
  readonly release: string
  /** This release crashes when it is started. */
  readonly isBad: boolean
  /** The generation that was asked to reload. */
  readonly from: Generation
  /** The one that it started. */
  to?: Generation
  outcome?: 'handed-over' | 'failed'
  /** What `GET /` was answered with, when the outcome was known. */
  answer?: string
}

/** Everything that can be shown. It changes while it is shown. */
export interface Stage {
  readonly startedAt: number
  readonly deploys: Deploy[]
  generations: Generations | undefined
  load: Load | undefined
}

/** How the demo is shown. */
export interface View {
  /** From now on it shows what happens there. */
  open(stage: Stage): void
  /** Tells something that has happened. */
  say(text: string): void
  /** Shows what is there for the last time; what comes after it is printed below. */
  close(): void
}
