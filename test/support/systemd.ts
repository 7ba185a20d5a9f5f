// A service manager that only listens: a `systemd-notify` that writes down what it was told.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from './temp-dir.js'

export interface FakeServiceManager {
  /** For the environment of a service. */
  readonly env: Readonly<Record<string, string>>
  /** What it was told up to now: one entry for each notification, its assignments joined by a space. */
  readonly told: readonly string[]
  /** The processes that said `WATCHDOG=1` up to now, once for each time. These notifications are not in `told`. */
  readonly pings: readonly number[]
  /** From now on it does not answer to what matches this pattern of grep(1), until {@link answer}. */
  holdBack(pattern: string): void
  answer(): void
}

export function fakeServiceManager(): FakeServiceManager {
  const folder = tempDir()
  const [log, held, pings] = [join(folder, 'log'), join(folder, 'held'), join(folder, 'pings')]
  writeFileSync(log, '')
  writeFileSync(pings, '')
  writeFileSync(held, '')
  const script = `#!/bin/sh
if [ "$*" = WATCHDOG=1 ]; then echo $PPID >> ${pings}; exit; fi
echo "$*" >> ${log}
while [ -s ${held} ] && echo "$*" | grep -q -f ${held}; do sleep 0.01; done
`
  writeFileSync(join(folder, 'systemd-notify'), script, { mode: 0o755 })
  return {
    env: { PATH: `${folder}:${process.env.PATH}`, NOTIFY_SOCKET: join(folder, 'socket') },
    get told() {
      return readFileSync(log, 'utf8').split('\n').slice(0, -1)
    },
    get pings() {
      return readFileSync(pings, 'utf8').split('\n').slice(0, -1).map(Number)
    },
    holdBack: (pattern) => writeFileSync(held, `${pattern}\n`),
    answer: () => writeFileSync(held, ''),
  }
}
