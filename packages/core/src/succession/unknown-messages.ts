/** Messages of a program on the channel of the handover, shortened for the report. */
import { inspect } from 'node:util'
import { isData } from '../protocol/message-shapes.js'

const most = 10
const longest = 100

export class ForeignMessages {
  readonly #shown: string[] = []

  get shown(): readonly string[] {
    return this.#shown
  }

  keep(raw: unknown): void {
    if (this.#shown.length >= most) return
    const text = isData(raw)
      ? (JSON.stringify(raw) ?? 'undefined')
      : inspect(raw, { depth: 1, breakLength: Number.POSITIVE_INFINITY })
    this.#shown.push(text.slice(0, longest))
  }
}
