// Under handover run --watch, a changed source file starts a reload, and clients keep their connections.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isReady } from '../support/generations.js'
import { release } from '../support/release.js'
import { callAll, openConnections } from '../support/resting.js'
import { startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'

test.each([
  ['--watch', '.'],
  ['--watch-path', 'src'],
])('%s reloads when a source file changes, and keeps connections open', async (option, where) => {
  const folder = tempDir()
  for (const name of ['src', 'node_modules', '.git']) mkdirSync(join(folder, name))
  const program = join(folder, where, 'server.mjs')
  // Longer than any reload: the connections stay open although they are idle.
  const good = release({ beforeListen: 'server.keepAliveTimeout = 120_000' })
  writeFileSync(program, good)
  const args = option === '--watch' ? [option] : [option, join(folder, where)]
  const service = await startRun(program, {
    config: { graceful: { probationMs: 50 } },
    cwd: folder,
    run: args,
  })
  const connections = await openConnections(service.target, 5)
  await callAll(connections)
  for (const name of ['notes.log', 'node_modules/a.js', '.git/b.js'])
    writeFileSync(join(folder, name), 'changed')
  writeFileSync(program, release({ first: 'this is broken' }))
  await service.line(/server\.mjs has changed: reloading/)
  await service.line(/the reload failed/)
  expect(await callAll(connections)).toMatchObject({ servedBy: new Map([[1, 5]]) })
  writeFileSync(program, good)
  await service.event((fact) => isReady(fact) && !fact.onProbation && (fact.generation ?? 0) > 1)
  const { failures } = await callAll(connections)
  expect(failures).toEqual([])
  expect(service.output).not.toMatch(/(notes\.log|a\.js|b\.js) has changed/)
  for (const connection of connections) connection.close()
})
