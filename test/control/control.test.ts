import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask } from '../support/control.js'
import { startService } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

async function startControlled(graceful: object = {}) {
  const folder = tempDir()
  const path = join(folder, 'control.sock')
  const release = join(tempDir(), 'release')
  const config = { graceful: { probationMs: 50, control: path, ...graceful }, release }
  const service = await startService('http.mjs', { config })
  await until('the control socket is there', () => readdirSync(folder).includes('control.sock'))
  const next = (behaviour: object) => writeFileSync(release, JSON.stringify(behaviour))
  return { folder, path, service, next }
}

test('C53: reload answers when the successor serves and the predecessor has drained, with the report', async () => {
  const { path, service } = await startControlled()
  const answer = await ask(path, 'reload')
  const serving = await whoServes(service.target)
  expect(serving.generation).toBe(2)
  expect(answer).toMatchObject({
    ok: true,
    reload: {
      outcome: 'handed-over',
      reports: [
        { generation: 1, pid: service.pid, successor: serving, drain: { because: 'handed-over', cut: [] } },
      ],
    },
  })
  await service.exitOf(service.pid)
})

const failures: [string, object, object, RegExp][] = [
  ['throws', { throw: 'no database' }, {}, /SUCCESSOR_EXITED.*no database/],
  ['exits 0', { exit: 0 }, {}, /SUCCESSOR_EXITED.*exited with code 0 before it was ready/],
  ['hangs', { hang: true }, { readyTimeoutMs: 1_000 }, /READY_TIMEOUT.*not ready after 1000 ms/],
  ['dies on probation', { dieAfterReadyMs: 1 }, { probationMs: 5_000 }, /PROBATION.*exited with code 9/],
  [
    'listens on another port',
    { listen: { port: 0, host: '::1' } },
    {},
    /PROBATION.*It listens elsewhere: not on 127\.0\.0\.1:\d+, nor/,
  ],
]

test.each(failures)(
  'C53: of a release that %s, reload answers with the reason, and status shows it',
  async (_, behaviour, graceful, reason) => {
    const { path, service, next } = await startControlled(graceful)
    next(behaviour)
    const answer = (await ask(path, 'reload')) as unknown as {
      ok: boolean
      error: { code: string; message: string }
      reload: object
    }
    expect(answer).toMatchObject({ ok: false, reload: { outcome: 'failed', reports: [{ generation: 1 }] } })
    expect(`${answer.error.code} ${answer.error.message}`).toMatch(reason)
    expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
    expect(await ask(path, 'status')).toMatchObject({
      ok: true,
      status: {
        generations: [{ generation: 1, pid: service.pid, state: 'ready' }],
        lastReload: { outcome: 'failed', reports: [{ failure: { code: answer.error.code } }] },
      },
    })
  },
)
