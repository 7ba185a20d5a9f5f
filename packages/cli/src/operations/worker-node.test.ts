import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { checkNode, pinNode } from './worker-node.js'

/** A folder with two releases. The link `current` points to the first one. */
function twoReleases(): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'handover-')))
  onTestFinished(() => rmSync(root, { recursive: true }))
  for (const release of ['one', 'two']) {
    mkdirSync(join(root, release))
    writeFileSync(join(root, release, 'node'), '', { mode: 0o755 })
  }
  symlinkSync('one', join(root, 'current'))
  return root
}

test('an executable file passes the check', () => {
  expect(checkNode(join(twoReleases(), 'current', 'node'))).toBeUndefined()
})

test.each([
  ['current/missing', 'does not exist'],
  ['current', 'is not an executable file'],
  ['two/node', 'is not an executable file'],
])('the check of %s fails, because it %s', (name, why) => {
  const root = twoReleases()
  chmodSync(join(root, 'two', 'node'), 0o644)
  const execPath = join(root, name)
  const message = `The Node binary for the workers, ${execPath}, ${why}. No process was started.`
  expect(() => checkNode(execPath)).toThrow(
    expect.objectContaining({ code: 'ERR_HANDOVER_SPAWN', execPath, message }),
  )
})

test('a pinned path contains no links', () => {
  const root = twoReleases()
  symlinkSync('current/node', join(root, 'own-node'))
  expect(pinNode(join(root, 'current', 'node'))).toBe(join(root, 'one', 'node'))
  expect(pinNode(join(root, 'own-node'))).toBe(join(root, 'one', 'node'))
})

test('a pinned shim keeps its name', () => {
  const root = twoReleases()
  writeFileSync(join(root, 'one', 'shim'), '')
  symlinkSync('shim', join(root, 'one', 'node-22'))
  expect(pinNode(join(root, 'current', 'node-22'))).toBe(join(root, 'one', 'node-22'))
})

test('a missing path stays the same', () => {
  expect(pinNode('/missing/bin/node')).toBe('/missing/bin/node')
})
