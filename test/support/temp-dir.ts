import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A new directory that is removed when the test finishes. Its path is short enough for a Unix socket in it. */
export function tempDir(): string {
  const path = mkdtempSync(join(tmpdir(), 'handover-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}
