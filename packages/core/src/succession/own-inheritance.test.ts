import { expect, test } from 'vitest'
import type { Origin } from '../platform/launch-context.js'
import { platform } from '../platform/process.js'
import { wireVersion } from '../protocol/version.js'
import { readOwnInheritance } from './own-inheritance.js'

const starter = 4711
const inheritance = { version: wireVersion, predecessor: starter, generation: 2, signals: [], listeners: [] }

/** A process whose parent is not `starter`; `starter` counts as running for `looks` more checks. */
function orphanOf(looks: number, hadChannel: boolean) {
  let now = 0
  let looked = 0
  const fake = {
    ...platform,
    ppid: 1,
    now: () => now,
    sleep: (ms: number) => {
      now += ms
    },
    isSame: () => looked++ < looks,
  }
  const origin = { inheritance: JSON.stringify(inheritance), hadChannel } as Origin
  return () => readOwnInheritance(origin, fake)
}

test('a process inherits from a predecessor that was killed but still counts as running', () => {
  expect(orphanOf(3, true)()).toMatchObject({ predecessor: starter })
})

test.each([
  ['still runs', Number.POSITIVE_INFINITY, true],
  ['has exited and gave it no channel', 0, false],
])(
  'a process rejects an inheritance from a process that is not its parent and %s',
  (_, looks, hadChannel) => {
    expect(orphanOf(looks, hadChannel)).toThrow(
      expect.objectContaining({ code: 'ERR_HANDOVER_INHERITANCE_FOREIGN', starter }),
    )
  },
)
