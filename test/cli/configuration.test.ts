// handover.config.json and package.json#handover set what the command line leaves open.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cli, startCli } from '../support/cli.js'
import { release } from '../support/release.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

/** A folder with these files, and `handover` in it. */
function folderWith(files: Readonly<Record<string, unknown>>) {
  const folder = tempDir()
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
  return folder
}

const wrong = [
  ['an unknown option', { wokers: 2 }, /"wokers" is not an option of handover run. Did you mean "workers"\?/],
  ['a wrong value', { drainTimeout: 5 }, /"drainTimeout" is 5. Expected a time with its unit/],
  ['a value of the wrong type', { workers: [2] }, /"workers" is \[2\]. Expected a string or a number/],
  ['a wrong program', { command: {} }, /"command" must be a string or a list of strings/],
  ['no object', 7, /must be an object of options/],
  ['no JSON', '{', /cannot read .*handover.config.json/],
] as const

test.each(wrong)('%s in handover.config.json is an error that names it', async (_, content, why) => {
  const cwd = folderWith({ 'handover.config.json': content })
  for (const command of ['run', 'reload']) {
    const { code, stderr } = await cli([command], { cwd })
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(why) })
  }
})

test('a configuration in both files is an error', async () => {
  const cwd = folderWith({ 'handover.config.json': {}, 'package.json': { handover: {} } })
  expect(await cli(['status'], { cwd })).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/remove one of them/),
  })
})

test('handover run without a program says how to name one', async () => {
  expect(await cli(['run'], { cwd: folderWith({}) })).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/name the program: handover run server.js, or "command"/),
  })
})

test('package.json configures the program and its workers, and the commands find the control socket', async () => {
  const command = ['server.mjs', JSON.stringify({ listen: { port: 0, host: '127.0.0.1' } })]
  const config = { command, workers: 2, control: 'own.sock' }
  const cwd = folderWith({ 'package.json': { type: 'module', handover: config }, 'server.mjs': release({}) })
  const service = startCli(['run'], { cwd })
  await until('the first worker serves', () => service.stderr.includes('2 workers serve'))
  // The supervisor starts the second one shortly afterwards.
  await until('both workers run', async () => {
    const { code, stdout } = await cli(['status', '--json'], { cwd })
    expect(code).toBe(0)
    return JSON.parse(stdout).generations.length === 2
  })
  // The command line takes precedence.
  expect(await cli(['status', '--control', 'other.sock'], { cwd })).toMatchObject({ code: 3 })
  expect(await cli(['stop'], { cwd })).toMatchObject({ code: 0 })
  expect(await service.ended).toMatchObject({ code: 0 })
})
