// Two generations that speak different versions of the protocol reject each other instead of guessing.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import type { FromPredecessor } from '../../packages/core/src/protocol/generation-messages.js'
import { envelope } from '../../packages/core/src/protocol/message-table.js'
import { underLoad } from '../support/load.js'
import { type Outcome, privateChannel, release, requestReload, startRelease } from '../support/release.js'
import { launchService, testNode } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'
import { whoServes } from '../support/who.js'

const bothVersions =
  'The other generation uses version 2 of the handover protocol, and this one uses version 1.'
const wireVersion = { code: 'ERR_HANDOVER_WIRE_VERSION' }

const messages = ['ready', 'took-over', 'failed', 'anything']

test.each(messages)(
  'C55: a successor that sends "%s" in another version is rejected with an error that names both versions',
  async (type) => {
    const { service, deploy } = await startRelease()
    deploy(`${privateChannel}.send({ handover: 2, type: '${type}' }); setTimeout(() => {}, 600_000)`)
    let outcome: Outcome = {}
    const load = await underLoad(service.target, async () => {
      outcome = await requestReload(service.target)
    })
    expect(load.failures).toEqual([])
    expect(outcome).toMatchObject({ ...wireVersion, message: expect.stringContaining(bothVersions) })
    expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
    expect(service.processes()).toEqual([service.pid])
  },
)

/** An executable that starts the successor as a predecessor with that version would. */
function programOf(version: number): string {
  const path = join(tempDir(), 'node')
  const script = `#!/bin/sh
HANDOVER_INHERITANCE=$(printf %s "$HANDOVER_INHERITANCE" | sed 's/"version":1/"version":${version}/')
exec ${testNode} "$@"
`
  writeFileSync(path, script, { mode: 0o755 })
  return path
}

test.each([
  [1, { report: { outcome: 'handed-over' } }],
  [2, { report: { outcome: 'failed', failure: { exitCode: 1, cause: wireVersion } } }],
])(
  'C55: an inheritance of version %i succeeds only if this generation speaks that version',
  async (version, expected) => {
    const { service } = await startRelease({
      text: release({ options: `{ successor: { execPath: '${programOf(version)}' } }` }),
      config: { graceful: { probationMs: 0 } },
    })
    const outcome = await requestReload(service.target)
    expect(outcome).toMatchObject(expected)
    if (version === 1) return
    expect(outcome.message).toContain(bothVersions)
    expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
  },
)

const inheritance = {
  version: 1,
  predecessor: process.pid,
  generation: 2,
  signals: ['SIGHUP'],
  listeners: [],
}

test('C55: a generation whose predecessor speaks another version does not start', async () => {
  const service = launchService('http.mjs', {
    env: { HANDOVER_INHERITANCE: JSON.stringify({ ...inheritance, version: 2 }) },
  })
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
  expect(service.output).toContain(bothVersions)
})

test('C55: a message of another version from the predecessor is rejected with an error that names both versions', async () => {
  const fixture = fileURLToPath(new URL('../fixtures/http.mjs', import.meta.url))
  const successor = spawn(testNode, [fixture], {
    env: { ...process.env, HANDOVER_INHERITANCE: JSON.stringify(inheritance) },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  onTestFinished(() => void successor.kill('SIGKILL'))
  const nextMessage = async () => (await once(successor, 'message'))[0]
  const answer = (message: object) => {
    successor.send(message)
    return nextMessage()
  }
  expect(await nextMessage()).toMatchObject({ type: 'hello' })
  expect(await answer(envelope<FromPredecessor>({ type: 'greeting', tlsSessions: [] }))).toMatchObject({
    type: 'ready',
  })
  expect(await answer({ handover: 2, type: 'proven' })).toMatchObject({
    handover: 1,
    type: 'failed',
    error: { ...wireVersion, message: expect.stringContaining(bothVersions) },
  })
  successor.disconnect()
  successor.kill('SIGTERM')
  expect(await once(successor, 'exit')).toEqual([0, null])
})
