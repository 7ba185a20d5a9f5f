// A fake service manager: a `systemd-notify` that records each notification.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from './temp-dir.js'

export interface FakeServiceManager {
  /** Variables for the environment of a service. */
  readonly env: Readonly<Record<string, string>>
  /** One entry for each notification so far, with its assignments separated by spaces. */
  readonly told: readonly string[]
  /** The pid of the sender of each `WATCHDOG=1` so far. `told` does not contain these notifications. */
  readonly pings: readonly number[]
  /** Delays the reply to notifications that match this pattern of grep(1), until {@link answer}. */
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
