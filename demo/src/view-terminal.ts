import { createLogUpdate } from 'log-update'
import { frame } from './frame.js'
import type { Paint } from './paint.js'
import type { Stage, View } from './stage.js'

const redrawMs = 100

type Screen = NodeJS.WritableStream & { readonly columns?: number }

/** Prints event lines, and keeps redrawing the current frame below them. */
export class TerminalView implements View {
  readonly #stream: Screen
  readonly #paint: Paint
  readonly #update: ReturnType<typeof createLogUpdate>
  #stage: Stage | undefined
  #timer: NodeJS.Timeout | undefined
  #height = 0

  constructor(stream: Screen, paint: Paint) {
    this.#stream = stream
    this.#paint = paint
    this.#update = createLogUpdate(stream)
  }

  open(stage: Stage): void {
    this.#stage = stage
    this.#timer = setInterval(() => this.#draw(), redrawMs)
  }

  say(text: string): void {
    const seconds = (performance.now() - (this.#stage?.startedAt ?? 0)) / 1000
    this.#update.persist(`${this.#paint.dim(`${seconds.toFixed(1).padStart(5)} s`)}  ${text}`)
    this.#draw()
  }

  close(): void {
    if (!this.#stage) return
    this.#draw()
    this.#update.done()
    clearInterval(this.#timer)
    this.#stage = undefined
  }

  #draw(): void {
    if (!this.#stage) return
    const columns = this.#stream.columns || 80
    const lines = frame(this.#stage, { now: performance.now(), columns, paint: this.#paint })
    // log-update 7.2 draws only the changes and loses a line when the number of lines grows.
    if (lines.length !== this.#height) this.#update.clear()
    this.#height = lines.length
    this.#update(lines.join('\n'))
  }
}
