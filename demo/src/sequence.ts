/** Checks the messages that one side of a connection numbers 1, 2, 3 and so on. */
export class Sequence {
  #received = 0
  #doubled = 0
  #outOfOrder = 0
  #next = 1
  readonly #missing = new Set<number>()

  /** How many different messages arrived. */
  get received(): number {
    return this.#received
  }

  get lost(): number {
    return this.#missing.size
  }

  get doubled(): number {
    return this.#doubled
  }

  /** How many messages arrived after a later one. */
  get outOfOrder(): number {
    return this.#outOfOrder
  }

  receive(number: number): void {
    if (number >= this.#next) {
      this.end(number - 1)
      this.#next = number + 1
    } else if (this.#missing.delete(number)) this.#outOfOrder++
    else {
      this.#doubled++
      return
    }
    this.#received++
  }

  /** Counts every message up to `last` that has not arrived as lost. */
  end(last: number): void {
    for (; this.#next <= last; this.#next++) this.#missing.add(this.#next)
  }
}
