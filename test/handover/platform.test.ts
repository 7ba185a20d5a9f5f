// What Handover assumes about Node internals (packages/core/src/platform). If a Node release changes one of
// them, a test here fails first, and its name says which one. Each test runs in the Node under test.
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { RawConnection } from '@handover/load'
import { expect, test } from 'vitest'
import { prelude, privately, tlsUrl } from '../support/privates.js'
import { launchProgram } from '../support/program.js'
import { targetOf } from '../support/service.js'
import { descriptorOf, inodeOf, listener, listenersOf } from '../support/sockets.js'
import { tempDir } from '../support/temp-dir.js'

const adopts = (before: string) => `${prelude}
  const adopted = privates.adoptListener(3)
  let accepted = 0
  const server = net.createServer((socket) => {
    accepted++
    socket.end('hello')
  })
  server.on('listening', () => tell('listening', { addresses: [server.address()] }))
  adopted.listen(server, 16, true)
  ${before}
  process.on('SIGUSR2', async () => {
    // By now the server would have accepted a waiting client.
    for (let turns = 0; turns < 5; turns++) await turn()
    tell('held', { accepted })
    adopted.startAccepting()
  })`

test.each([
  ['TCP', () => listener(), () => ''],
  [
    'Unix',
    (path: string) => listener({ path }),
    (path: string) => `privates.setSocketPath(server, '${path}')`,
  ],
])(
  'an adopted %s listener accepts no client before it starts accepting, and then also serves earlier clients',
  async (_, open, setPath) => {
    const path = join(tempDir(), 'x.sock')
    const lent = await open(path)
    const address = lent.address()
    const fd = descriptorOf(lent)
    const inode = inodeOf(fd)
    const service = launchProgram(adopts(setPath(path)), { fds: [fd], leftOvers: 'allowed' })
    expect((await service.event('listening')).addresses).toEqual([address])
    expect(listenersOf(service.pid)).toEqual([inode])

    // From now on only the service can accept. Node removes the path when it closes the socket that it bound there.
    const moved = `${path}.moved`
    if (address === path) renameSync(path, moved)
    lent.close()
    const client = await RawConnection.connect(address === path ? { path: moved } : targetOf(address))
    service.signal('SIGUSR2', service.pid)
    expect(await service.event('held')).toMatchObject({ accepted: 0 })
    expect(String(await client.read())).toBe('hello')
  },
)

test('a paused listener keeps the process running until it is closed, as an accepting one does', async () => {
  const lent = await listener()
  const service = launchProgram(
    `${adopts('')}
    process.on('SIGTERM', () => server.close(() => tell('closed')))`,
    { fds: [descriptorOf(lent)] },
  )
  await service.event('listening')
  service.signal('SIGTERM', service.pid)
  await service.event('closed')
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})

test('a server can listen on a given handle', async () => {
  expect(await privately('told.can = privates.canListenOnHandle()')).toEqual({ can: true })
})

test('closing idle connections shows which ones are at a message boundary, and destroys none of them', async () => {
  const told = await privately(`
    const server = http.createServer((request, response) => request.url === '/' && response.end())
    const port = await listen(server)
    const pairs = {
      fresh: await pair(server, port),
      answered: await pair(server, port, get),
      half: await pair(server, port, get.slice(0, -2)),
      'in flight': await pair(server, port, get.replace('/', '/never')),
      'half of the second': await pair(server, port, get + get.slice(0, -2)),
    }
    const sockets = Object.values(pairs).map(({ socket }) => socket)
    const bytes = Object.values(pairs).map(({ client }) => client.bytesWritten)
    await until(() => sockets.every(({ bytesRead }, i) => bytesRead === bytes[i]))
    await until(() => pairs.answered.client.bytesRead > 0)
    const named = (set) => Object.keys(pairs).filter((name) => set.has(pairs[name].socket))
    told.first = named(atBoundary(server, sockets))
    told.again = named(atBoundary(server, sockets))
    told.destroyed = sockets.filter(({ destroyed }) => destroyed).length
    told.marked = sockets.filter((socket) => Object.hasOwn(socket, 'destroy')).length
    pairs.answered.client.write(get)
    await until(() => pairs.answered.client.bytesRead > 200)
    told.works = true`)
  const { first, ...others } = told as { first: string[] }
  // From Node 26 on, fresh connections are among them: `isUnused` does not need them.
  expect(first.filter((name) => name !== 'fresh')).toEqual(['answered'])
  expect(others).toEqual({ again: first, destroyed: 0, marked: 0, works: true })
})

test('Node detaches the parser from an upgraded socket and from a tunnel, and from no other socket', async () => {
  const told = await privately(`
    const server = http.createServer((_request, response) => response.end())
    const sockets = {}
    server.on('upgrade', (_request, socket) => { sockets.upgraded = socket })
    server.on('connect', (_request, socket) => { sockets.tunnel = socket })
    const port = await listen(server)
    sockets.fresh = (await pair(server, port)).socket
    const answered = await pair(server, port, get)
    await until(() => answered.client.bytesRead > 0)
    sockets.answered = answered.socket
    await pair(server, port, get.replace('Host: test', 'Host: test\\r\\nConnection: Upgrade\\r\\nUpgrade: x'))
    await pair(server, port, 'CONNECT test:1 HTTP/1.1\\r\\nHost: test:1\\r\\n\\r\\n')
    await until(() => sockets.upgraded && sockets.tunnel)
    for (const [name, socket] of Object.entries(sockets)) told[name] = privates.isUpgraded(socket)
    const plain = net.createServer()
    told.raw = privates.isUpgraded((await pair(plain, await listen(plain))).socket)`)
  expect(told).toEqual({ fresh: false, answered: false, upgraded: true, tunnel: true, raw: false })
})

test('a TLS socket refers to the TCP socket below it', async () => {
  const told = await privately(`
    const { key, cert } = await import('${tlsUrl}')
    const server = tls.createServer({ key, cert })
    const port = await listen(server)
    const client = tls.connect({ port, host: '127.0.0.1', ca: cert })
    const [[below], [socket]] = await Promise.all([once(server, 'connection'), once(server, 'secureConnection')])
    told.same = privates.underlying(socket) === below
    told.plain = !privates.underlying(below)`)
  expect(told).toEqual({ same: true, plain: true })
})

test('a socket refers to its response, with the head, until the kernel has the last byte', async () => {
  const told = await privately(`
    const server = http.createServer()
    const port = await listen(server)
    const { client, socket } = await pair(server, port)
    told.before = privates.responseOn(socket) === undefined
    client.write(get)
    const [, response] = await once(server, 'request')
    told.tells = privates.exposesResponses()
    told.during = privates.responseOn(socket) === response
    told.noHead = privates.sentHeaders(response)
    response.writeHead(201, ['x-a', '1']).write('x')
    told.head = privates.sentHeaders(response).split('\\r\\n').slice(0, 2)
    response.end()
    await once(response, 'close')
    told.after = privates.responseOn(socket) === undefined`)
  expect(told).toEqual({
    before: true,
    tells: true,
    during: true,
    noHead: '',
    head: ['HTTP/1.1 201 Created', 'x-a: 1'],
    after: true,
  })
})

test('a listener closes alone: idle connections stay, and the server emits close only when told to', async () => {
  const told = await privately(`
    const server = http.createServer((_request, response) => response.end())
    const port = await listen(server)
    const { client, socket } = await pair(server, port, get)
    await until(() => client.bytesRead > 0)
    let closed = false
    server.on('close', () => { closed = true })
    const sayClosed = privates.closeListener(server)
    for (let turns = 0; turns < 5; turns++) await turn()
    told.listening = server.listening
    told.kept = !socket.destroyed
    client.destroy()
    await once(socket, 'close')
    for (let turns = 0; turns < 5; turns++) await turn()
    told.silent = !closed
    sayClosed()
    await until(() => closed)
    told.said = true
    told.left = Object.keys(server).filter((key) => key === '_emitCloseIfDrained')`)
  expect(told).toEqual({ listening: false, kept: true, silent: true, said: true, left: [] })
})

test('a server gets another listener without an event for its program, and still accepts on the old one', async () => {
  const told = await privately(`
    const server = http.createServer((_request, response) => response.end())
    let listenings = 0
    server.on('listening', () => { listenings++ })
    const ports = [await listen(server)]
    const scratch = net.createServer().listen(0)
    const closeBefore = privates.replaceListener(server, privates.takeListener(scratch))
    ports.push(server.address().port)
    for (const port of ports) (await pair(server, port)).client.destroy()
    told.differ = ports[0] !== ports[1]
    told.listenings = listenings
    closeBefore()
    server.close()
    await once(server, 'close')
    told.closed = true`)
  expect(told).toEqual({ differ: true, listenings: 1, closed: true })
})
