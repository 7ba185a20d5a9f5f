// The versions of Socket.IO whose private parts @handover/socket.io uses. test/package.json has them, and
// pnpm-workspace.yaml pins the engine.io, adapter and parser of the oldest ones.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { finalReports } from '../support/reports.js'
import { startService } from '../support/service.js'
import { type Client, Control, connect, movingSocketIo } from '../support/socket-io.js'
import { until } from '../support/until.js'

const require = createRequire(import.meta.url)

test('the tested versions have the parts of their own time', () => {
  const versions = (library: string) => {
    const from = createRequire(require.resolve(library))
    const packages = ['engine.io', 'socket.io-adapter'].map((name) => join(dirname(from.resolve(name)), '..'))
    return packages.map((folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version)
  }
  expect(versions('socket.io-4-7-0')).toEqual(['6.5.0', '2.5.2'])
  expect(versions('socket.io-4-8-0')).toEqual(['6.6.0', '2.5.5'])
})

test.each([
  ['socket.io-4-7-0', {}],
  ['socket.io-4-7-0', { connectionStateRecovery: {} }],
  ['socket.io-4-7-5', {}],
  ['socket.io-4-8-0', {}],
  ['socket.io-4-8-0', { connectionStateRecovery: {} }],
  ['socket.io', {}],
  ['socket.io', { connectionStateRecovery: {} }],
])('clients of %s move with their state (%o)', async (library, io) => {
  const service = await startService('moving-socket-io.mjs', movingSocketIo({ library, io }))
  const clients: Client[] = []
  for (const transports of [['websocket'], ['polling', 'websocket']]) {
    const client = await connect(service, { transports, auth: { token: 'secret' } })
    clients.push(client, await connect(service, { of: client, nsp: '/dynamic-1' }))
  }
  for (const client of clients) {
    await client.run(['join', 'room'])
    await client.ask('remember', 'rich')
    await until('the client uses WebSocket', async () => (await client.who()).transport === 'websocket')
  }
  const before = await Promise.all(clients.map((client) => client.who()))
  const predecessor = await Control.open(service)
  const held = clients.map((client) => client.ask('hold'))
  await Promise.all(clients.map((client) => client.who()))
  await service.reload()
  const after = await Promise.all(clients.map((client) => client.servedBy(2)))
  expect(after).toEqual(before.map((who) => ({ ...who, generation: 2, recovered: true })))
  const successor = await Control.open(service)
  for (const client of clients) {
    await predecessor.call(client.target, ['release'])
    await predecessor.call(client.target, ['emit', 'late', Buffer.from('bytes')])
    await client.has('late')
    client.socket.on('question', (answer) => answer('answer'))
    expect(await successor.call(client.target, ['emitWithAck', 'question'])).toBe('answer')
    expect(await client.ask('binary', Buffer.from('bytes'))).toEqual(Buffer.from('bytes!'))
  }
  expect(await Promise.all(held)).toEqual([1, 1, 1, 1])
  await predecessor.call('/dynamic-1', ['to', 'room'], ['emit', 'broadcast', 1])
  await successor.call('/dynamic-1', ['to', 'room'], ['emit', 'broadcast', 2])
  for (const client of clients.filter((_, n) => n % 2)) {
    await client.has('broadcast', 2)
    expect(new Set(client.received('broadcast').map(([n]) => n))).toEqual(new Set([1, 2]))
  }
  predecessor.end()
  successor.end()
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ lost: 0, cut: [] })
  expect(clients.map(({ changes }) => changes)).toEqual(clients.map(() => ['connect']))
  expect(service.facts.filter(({ event }) => event === 'disconnect')).toEqual([])
})
