import { expect, test } from 'vitest'
import { whenQuiet } from './content-watch.js'

const contents = (digest: number) => [new Map([['/etc/app.json', String(digest)]])]

/** Reads the digests in turn, and then the last one forever. Counts the pauses. */
async function settle(...digests: readonly number[]) {
  let [reads, pauses] = [0, 0]
  const look = async () => contents(digests[Math.min(reads++, digests.length - 1)] ?? 0)
  const wait = async () => void pauses++
  return { latest: await whenQuiet(contents(0), look, wait), pauses }
}

test('unchanged contents are read once', async () => {
  expect(await settle(0)).toEqual({ latest: contents(0), pauses: 0 })
})

test('a burst of changes ends when two reads give the same contents', async () => {
  expect(await settle(1, 2, 3, 3, 4)).toEqual({ latest: contents(3), pauses: 3 })
})

test('a file that never stops changing delays the reload for 5 s at most', async () => {
  const endless = Array.from({ length: 1_000 }, (_, i) => i + 1)
  expect(await settle(...endless)).toMatchObject({ pauses: 50 })
})
