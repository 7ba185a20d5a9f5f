// Under `handover run`, connections move through the supervisor, and every kind of move must still work.
import type { TcpTarget } from '@handover/load'
import { expect, test } from 'vitest'
import { ask, connect, gate, get, givenBy, stateOf } from '../support/http.js'
import { finalReports } from '../support/reports.js'
import { callAll, openConnections, staysIdle } from '../support/resting.js'
import { rollWorkers, startRun } from '../support/supervised.js'
import { visit } from '../support/tls-session.js'
import { until } from '../support/until.js'
import { moving, openConversations } from '../support/websockets.js'

const quick = { probationMs: 50 }
const untouched = { closed: 0, lost: 0, cut: [] }

test('C54: 2000 idle connections continue in the new workers through three reloads', async () => {
  const config = { graceful: quick, ...staysIdle }
  const service = await startRun('http.mjs', { run: ['--workers', '2'], config })
  const connections = await openConnections(service.target, 2_000)
  // The workers accept in order: when a later connection has its answer, none is still in the accept queue.
  await stateOf(service.target)
  for (let reloads = 1; reloads <= 3; reloads++) {
    await rollWorkers(service, 2)
    const drains = (await finalReports(service, 2 * reloads)).slice(-2).map(({ drain }) => drain)
    for (const drain of drains) expect(drain).toMatchObject(untouched)
    expect(drains.reduce((sum, { moved }) => sum + moved, 0)).toBe(2_000)
    const { failures, servedBy } = await callAll(connections)
    expect(failures).toEqual([])
    expect([...servedBy.keys()]).toEqual([reloads + 1])
  }
  for (const connection of connections) connection.close()
})

test('C54: WebSockets continue through reloads of 2 workers and receive late messages', async () => {
  const service = await startRun('ws.mjs', {
    run: ['--workers', '2'],
    ...moving({ everyMs: 20, late: true }, quick),
  })
  const conversations = await openConversations(service.target, 40)
  for (const conversation of conversations) conversation.talk(20)
  for (let reloads = 1; reloads <= 3; reloads++) {
    await rollWorkers(service, 2)
    const generation = `generation-${reloads + 1}`
    await until(`${generation} serves all WebSockets`, () =>
      conversations.every(({ heardFrom }) => heardFrom === generation),
    )
  }
  await Promise.all(conversations.map((conversation) => conversation.conclude()))
  expect(conversations.flatMap(({ faults }) => faults)).toEqual([])
  expect(conversations.filter(({ closing }) => closing)).toEqual([])
  for (const conversation of conversations) conversation.close()
})

test('C54: a connection moves through a worker that is itself draining to the serving worker', async () => {
  const config = { graceful: quick, ...staysIdle }
  const service = await startRun('http.mjs', { config })
  const [{ path, open }, busy, resting] = [
    gate(),
    await connect(service.target),
    await connect(service.target),
  ]
  expect(givenBy(await ask(resting, '/')).generation).toBe(1)
  await busy.write(get(path))
  await rollWorkers(service)
  await rollWorkers(service)
  // A draining worker answers a request that arrives before it has handed the connection on.
  await until('generation 3 serves the resting connection', async () => {
    return givenBy(await ask(resting, '/')).generation === 3
  })
  open()
  expect(givenBy(await busy.response()).generation).toBe(1)
  await finalReports(service, 2)
  expect(givenBy(await ask(busy, '/')).generation).toBe(3)
})

test('C54: clients resume TLS sessions from before a reload', async () => {
  const service = await startRun('http.mjs', { config: { tls: true, graceful: quick } })
  const target = { ...(service.target as TcpTarget), tls: true }
  const { session } = await visit(target, 'TLSv1.3')
  await rollWorkers(service)
  expect(await visit(target, 'TLSv1.3', session)).toMatchObject({ resumed: true })
})
