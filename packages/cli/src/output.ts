/** What a command comes to is on standard output, how it goes on and errors are on standard error. */

export interface SpokenOptions {
  readonly json?: boolean
}

export function print(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''))
}

export function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`)
}
