// `handover reload` to a release with a syntax error. Node hides the file of an ES module from the error itself.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cli, startCli } from '../support/cli.js'
import { freePort } from '../support/free-port.js'
import { installation } from '../support/installation.js'

const broken = "const one = 1\nconst two = 'unterminated\n"

test.each([
  ['server.mjs', 'server.mjs', broken, 2],
  ['server.cjs', 'server.cjs', broken, 2],
  ['routes.mjs', 'server.mjs', `import './routes.mjs'`, 2],
  ['server.mjs', 'server.mjs', `\n\nimport { missing } from '@handover/core'`, 3],
])(
  'handover reload to a release with a syntax error in %s, imported by %s, names the file and the line',
  async (file, entry, text, line) => {
    const load = entry.endsWith('.cjs')
      ? "const { graceful } = require('@handover/core'); const { createServer } = require('node:http')"
      : "import { graceful } from '@handover/core'; import { createServer } from 'node:http'"
    const server = `const server = createServer((_, response) => response.end('served')); graceful(server)`
    const port = await freePort()
    const folder = installation({ [entry]: `${load}; ${server}; server.listen(${port}, '127.0.0.1')` })
    const service = startCli(['run', entry], { cwd: folder })
    await service.printed(/1 worker serves/)
    writeFileSync(join(folder, file), broken)
    writeFileSync(join(folder, entry), text)
    const { code, stdout, stderr } = await cli(['reload'], { cwd: folder })
    expect({ code, stdout }).toMatchObject({ code: 1 })
    expect(stderr + stdout).toMatch(new RegExp(`SyntaxError: .+ \\(${join(folder, file)}:${line}\\)`))
    expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe('served')
    service.interrupt()
    expect(await service.ended).toMatchObject({ code: 0 })
  },
)
