// Where a connection cannot move: it is served where it is, and ends after an answer that says so.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keepAlive, type Target } from '@handover/load'
import { expect, test } from 'vitest'
import { ask, connect, givenBy } from '../support/http.js'
import { underLoad } from '../support/load.js'
import { release, startRelease } from '../support/release.js'
import { finalReports } from '../support/reports.js'
import { startService } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'

const graceful = { probationMs: 50 }
const clients = 30

test('C44: where Node shows no descriptor of a connection, the drain is polite, and no request fails', async () => {
  const hidden =
    "server.on('connection', ({ _handle }) => Object.defineProperty(_handle, 'fd', { value: -1 }))"
  const { service } = await startRelease({
    config: { graceful },
    text: release({ beforeListen: hidden }),
  })
  const load = await underLoad(service.target, async () => {
    for (let i = 0; i < 3; i++) {
      const { from } = await service.reload()
      await service.exitOf(from.pid)
    }
  }, [keepAlive({ clients, think: { minMs: 0, maxMs: 200 } })])
  expect(load).toMatchObject({ failures: [], moved: 0 })
  expect(load.closedByAnswer).toBeGreaterThan(0)
  for (const { drain } of await finalReports(service, 3)) {
    expect(drain).toMatchObject({ moved: 0, lost: 0, cut: [], timedOut: false })
  }
})

test('C44: a connection of a listener that the next release does not have is answered, and told that it is the last time', async () => {
  const file = join(tempDir(), 'release')
  const service = await startService('http.mjs', {
    config: {
      graceful,
      listen: [1, 2].map(() => ({ port: 0, host: '127.0.0.1' })),
      release: file,
    },
  })
  const [kept, dropped] = service.targets as [Target, Target]
  const [stays, leaves] = [await connect(kept), await connect(dropped)]
  for (const connection of [stays, leaves]) await ask(connection, '/')
  writeFileSync(file, JSON.stringify({ listen: { port: 0, host: '127.0.0.1' } }))
  const { from, to } = await service.reload()
  const last = await ask(leaves, '/')
  expect([givenBy(last), last.keepAlive]).toEqual([from, false])
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ moved: 1, closed: 1, cut: [] })
  expect(givenBy(await ask(stays, '/'))).toEqual(to)
})
