// Folders with an installation of Handover, as npm creates it.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from '../docs/pages.js'
import { testNode } from './service.js'
import { handover } from './supervised.js'
import { tempDir } from './temp-dir.js'

/** Creates a folder with these files, the packages that `test` can import, and the `handover` command. */
export function installation(files: Readonly<Record<string, unknown>>): string {
  const folder = tempDir()
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, '.bin'), { recursive: true })
  symlinkSync(join(root, 'node_modules', '@types'), join(modules, '@types'))
  for (const name of ['@handover', 'express', 'socket.io', 'supertest', 'tsx']) {
    symlinkSync(join(root, 'test', 'node_modules', name), join(modules, name))
  }
  const command = `#!/bin/sh\nexec '${testNode}' '${handover}' "$@"\n`
  writeFileSync(join(modules, '.bin', 'handover'), command, { mode: 0o755 })
  for (const [name, content] of Object.entries({ 'package.json': { type: 'module' }, ...files })) {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  }
  return folder
}
