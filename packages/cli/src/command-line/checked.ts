import { InvalidArgumentError } from 'commander'

/** Returns a parser for commander, which prints the error of `read` with the name of the option or argument. */
export function checked<T>(read: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return read(text)
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message)
    }
  }
}
