// `npm run docs:api` generates docs/reference/api from the docstrings.
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { tempDir } from '../support/temp-dir.js'
import { root } from './pages.js'

const pagesIn = (folder: string) =>
  Object.fromEntries(readdirSync(folder).map((page) => [page, readFileSync(join(folder, page), 'utf8')]))

test('docs/reference/api matches the output of npm run docs:api', async () => {
  const out = join(tempDir(), 'api')
  await promisify(execFile)(process.execPath, [join(root, 'tools/api-docs/generate.mjs'), '--out', out])
  expect(pagesIn(join(root, 'docs/reference/api'))).toEqual(pagesIn(out))
})
