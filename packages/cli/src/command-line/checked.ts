import { InvalidArgumentError } from 'commander'

/** Returns a parser for commander, which prints the error of `read` with the name of the option or argument. */
export function checked<T, Earlier extends unknown[]>(
  read: (text: string, ...earlier: Earlier) => T,
): (text: string, ...earlier: Earlier) => T {
  return (text, ...earlier) => {
    try {
      return read(text, ...earlier)
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message)
    }
  }
}
