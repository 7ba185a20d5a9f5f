import type { Generation, Generations } from './generations.js'
import type { LiveClients } from './live-clients.js'
import type { Load } from './load.js'

/** One deploy and its progress. */
export interface Deploy {
  readonly number: number
  readonly release: string
  /** Whether this release crashes at startup. */
  readonly isBad: boolean
  /** The generation that reloads. */
  readonly from: Generation
  /** Its successor. */
  to?: Generation
  outcome?: 'handed-over' | 'failed'
  /** The response to `GET /` after the outcome was known. */
  answer?: string
}

/** The state of the demo, which the views show while it changes. */
export interface Stage {
  readonly startedAt: number
  readonly deploys: Deploy[]
  generations: Generations | undefined
  load: Load | undefined
  live: LiveClients | undefined
}

/** Shows the progress of the demo. */
export interface View {
  /** Starts to show this stage. */
  open(stage: Stage): void
  /** Prints a line about an event. */
  say(text: string): void
  /** Draws the stage one last time. Later output appears below it. */
  close(): void
}
