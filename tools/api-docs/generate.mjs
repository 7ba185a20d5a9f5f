// `npm run docs:api` generates docs/reference/api from the docstrings. With `--out FOLDER` it writes there instead.
// TypeDoc does not support this workspace's version of TypeScript, so this package has its own.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const here = dirname(fileURLToPath(import.meta.url))
const { values } = parseArgs({ options: { out: { type: 'string' } } })
const out = resolve(values.out ?? join(here, '../../docs/reference/api'))
const typedoc = join(dirname(createRequire(import.meta.url).resolve('typedoc/package.json')), 'bin/typedoc')

const generated = mkdtempSync(join(tmpdir(), 'handover-api-'))
try {
  const args = [typedoc, '--options', join(here, 'typedoc.json'), '--out', generated, '--logLevel', 'Warn']
  const { status } = spawnSync(process.execPath, args, { cwd: here, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  for (const page of readdirSync(join(generated, '@handover'))) {
    const name = page.replace(/\.md$/, '')
    const text = readFileSync(join(generated, '@handover', page), 'utf8')
    writeFileSync(join(out, page), `${headOf(name)}${text.trim()}\n`)
  }
} finally {
  rmSync(generated, { recursive: true, force: true })
}

function headOf(name) {
  return `# @handover/${name}

For everyone who programs against \`@handover/${name}\`: every export with its types. Generated from the docstrings by
\`npm run docs:api\`; edit those, not this page.

`
}
