/** What a program sent on the channel of the handover: told in the report, as far as it is of use there. */

const most = 10
const longest = 100

export class ForeignMessages {
  readonly #shown: string[] = []

  get shown(): readonly string[] {
    return this.#shown
  }

  keep(raw: unknown): void {
    if (this.#shown.length >= most) return
    let text: string
    try {
      text = JSON.stringify(raw) ?? String(raw)
    } catch {
      text = String(raw)
    }
    this.#shown.push(text.slice(0, longest))
  }
}
