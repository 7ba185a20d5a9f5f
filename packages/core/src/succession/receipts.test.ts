import { closeSync, fstatSync, openSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import type { Receipt } from '../protocol/generation-messages.js'
import { Receipts } from './receipts.js'

/** The parts of a handle that core uses: a descriptor, and `close`. */
function handleOn(path: string) {
  const fd = openSync(path, 'r')
  const handle = { fd, isOpen: true, close: () => {} }
  handle.close = () => {
    if (handle.isOpen) closeSync(fd)
    handle.isOpen = false
  }
  onTestFinished(() => handle.close())
  return handle
}

const inodeOf = ({ fd }: { fd: number }) => fstatSync(fd).ino
const nextTurn = () => new Promise(setImmediate)

test('C72: a receipt lists the accepted connections and excludes the others', async () => {
  const receipts: Receipt[] = []
  const all = new Receipts((receipt) => receipts.push(receipt))
  const [one, other, unwanted] = [handleOn('/dev/null'), handleOn('/dev/zero'), handleOn('/dev/null')]
  all.take({ number: 1, inode: inodeOf(one) }, one, () => true)
  // After a dropped handle, one read can return the end of its message together with the next handle.
  all.take({ number: 3, inode: inodeOf(one) }, other, () => true)
  all.take({ number: 4, inode: inodeOf(unwanted) }, unwanted, () => false)
  all.take({ number: 5, inode: 1 }, undefined, () => true)
  all.sent(7)
  await nextTurn()
  expect(receipts).toEqual([{ numbers: [1], upTo: 7 }])
  expect([one, other, unwanted].map(({ isOpen }) => isOpen)).toEqual([true, false, false])

  all.sent(8)
  await nextTurn()
  expect(receipts.slice(1)).toEqual([{ numbers: [], upTo: 8 }])
})
