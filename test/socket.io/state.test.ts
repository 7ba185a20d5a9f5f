// What a client keeps when it moves.
import { expect, test } from 'vitest'
import { finalReports } from '../support/reports.js'
import { startService } from '../support/service.js'
import { connect, movingSocketIo } from '../support/socket-io.js'

test('a client keeps its ids, rooms, data and handshake in every namespace, and notices nothing', async () => {
  const service = await startService('moving-socket-io.mjs', movingSocketIo())
  const auth = { token: 'secret', bytes: Buffer.from('bytes') }
  const first = await connect(service, { auth, query: { page: '1' }, extraHeaders: { 'x-user': 'ann' } })
  const clients = [first]
  for (const nsp of ['/chat', '/dynamic-7'])
    clients.push(await connect(service, { of: first, nsp, auth: { nsp } }))
  for (const client of clients) {
    await client.run(['join', ['a', 'b']])
    await client.ask('remember', 'rich')
  }
  const before = await Promise.all(clients.map((client) => client.who()))
  expect(before[0]).toMatchObject({ handshake: { auth: { token: 'secret' }, query: { page: '1' } } })
  for (const generation of [2, 3]) {
    await service.reload()
    const after = await Promise.all(clients.map((client) => client.servedBy(generation)))
    expect(await first.run(['nsp'], ['sockets'], ['size'])).toBe(1)
    expect(await first.run(['client'], ['conn'], ['server'], ['clientsCount'])).toBe(1)
    expect(after).toEqual(before.map((who) => ({ ...who, generation, recovered: true })))
  }
  const [report] = await finalReports(service, 2)
  expect(report?.drain).toMatchObject({ moved: 1, closed: 0, lost: 0, cut: [] })
  expect(clients.map(({ changes }) => changes)).toEqual(clients.map(() => ['connect']))
  expect(service.facts.filter(({ event }) => event === 'disconnect')).toEqual([])
  for (const each of [1, 2]) {
    const left = await service.event(({ event, generation }) => event === 'left' && generation === each)
    expect(left).toMatchObject({ clients: 0, sockets: 0 })
  }
  const moved = service.facts.filter(({ event }) => event === 'moved')
  expect(moved.map(({ nsp }) => nsp)).toEqual([
    ...['/', '/chat', '/dynamic-7'],
    ...['/', '/chat', '/dynamic-7'],
  ])
})

test('if moved throws, the client still continues in every namespace and the log has the error', async () => {
  const service = await startService('moving-socket-io.mjs', movingSocketIo({ movedThrows: true }))
  const first = await connect(service)
  const clients = [first, await connect(service, { of: first, nsp: '/chat' })]
  await service.reload()
  for (const client of clients) await client.servedBy(2)
  await service.line(/socket .+ has moved, but moved\(\) failed: Error: a mistake of the program/)
  const left = await service.event(({ event, generation }) => event === 'left' && generation === 1)
  expect(left).toMatchObject({ clients: 0, sockets: 0 })
  expect(clients.map(({ changes }) => changes)).toEqual([['connect'], ['connect']])
})
