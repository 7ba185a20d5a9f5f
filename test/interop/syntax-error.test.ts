// The preload finds the file of a syntax error in all versions of Node. tools/nodes.mjs installs them.
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../docs/pages.js'
import { tempDir } from '../support/temp-dir.js'

const preload = join(root, 'packages', 'core', 'handover-preload.cjs')

/** What the preload reports to the process that started this program. */
async function reportOf(execPath: string, program: string): Promise<unknown> {
  const env = { ...process.env, HANDOVER_INHERITANCE: '{}' }
  const child = fork(program, {
    execPath,
    execArgv: ['--require', preload],
    env,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const [[message]] = await Promise.all([once(child, 'message'), once(child, 'exit')])
  return message
}

test.each(['20.19.0', '22', '24', '26'])(
  'Node %s: the preload reports the file and line of a syntax error',
  async (version) => {
    const execPath = execFileSync(process.execPath, [join(root, 'tools', 'nodes.mjs'), version], {
      encoding: 'utf8',
    }).trim()
    const folder = tempDir()
    const write = (name: string, text: string) => {
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    }
    const messageOf = async (program: string) =>
      (await reportOf(execPath, program)) as { error: { message: string } }
    for (const name of ['bad.mjs', 'bad.cjs']) {
      const bad = write(name, "const one = 1\nconst two = 'unterminated\n")
      const importing = write('importing.mjs', `await 1; await import('./${name}')`)
      for (const program of [bad, importing])
        expect((await messageOf(program)).error.message).toBe(`Invalid or unexpected token (${bad}:2)`)
    }
    const own = write('own.mjs', "throw new SyntaxError('of the program')")
    expect((await messageOf(own)).error.message).toBe('of the program')
    const json = write('json.mjs', "JSON.parse('{x')")
    expect((await messageOf(json)).error.message).not.toContain(folder)
  },
)
