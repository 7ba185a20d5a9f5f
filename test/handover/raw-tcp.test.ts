// With a protocol that only the application knows, no connection counts as idle: the drain waits for all of them.
import { type Ending, RawConnection } from '@handover/load'
import { expect, test } from 'vitest'
import { startProgram } from '../support/program.js'
import type { Service, ServiceOptions } from '../support/service.js'
import { targetOf } from '../support/service.js'
import { until } from '../support/until.js'

/** Answers each line with the line and the generation, `flood` with 4 MB, and `bye` by closing the connection. */
const program = `
  import net from 'node:net'
  import { createInterface } from 'node:readline'
  const server = net.createServer((socket) => {
    createInterface(socket).on('line', (line) => {
      if (line === 'flood') socket.write('x'.repeat(4_194_304))
      else if (line === 'bye') socket.end('bye\\n')
      else socket.write(line + ' ' + handle.generation + '\\n')
    }).on('error', () => {})
  })
  const handle = graceful(server, config.graceful)
  tellOf(handle)
  server.listen(config.listen ?? { port: 0, host: '127.0.0.1' }, () => {
    tell('listening', { generation: handle.generation, addresses: [server.address()] })
  })
`

async function start(graceful: object = {}, options: ServiceOptions = {}): Promise<Service> {
  const service = await startProgram(program, {
    ...options,
    config: { graceful: { probationMs: 0, ...graceful } },
  })
  await service.event('listening')
  return service
}

const connect = ({ facts }: Service) =>
  RawConnection.connect(targetOf(facts.find(({ event }) => event === 'listening')?.addresses?.[0]))

const isRefused = (service: Service): Promise<boolean> =>
  connect(service).then(
    (connection) => {
      connection.close()
      return false
    },
    ({ kind }) => kind === 'refused',
  )

async function say(connection: RawConnection, line: string): Promise<string> {
  await connection.write(`${line}\n`)
  return String(await connection.read()).trim()
}

const draining = (service: Service) => service.event(({ state }) => state === 'draining')

test('a connection stays in its process through reloads, and the generation exits when the connection has ended', async () => {
  const service = await start()
  const connections = [await connect(service)]
  for (const generation of [2, 3]) {
    await service.reload()
    connections.push(await connect(service))
    for (const [i, connection] of connections.entries())
      expect(await say(connection, 'ping')).toBe(`ping ${i + 1}`)
    expect(service.processes()).toHaveLength(generation)
  }
  connections[0]?.close()
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
  for (const [i, connection] of connections.slice(1).entries()) {
    expect(await say(connection, 'ping')).toBe(`ping ${i + 2}`)
    connection.close()
  }
})

test('a message that is half sent before a reload is completed after it', async () => {
  const service = await start()
  const connection = await connect(service)
  await say(connection, 'ping')
  await connection.write('pi')
  await service.reload()
  expect(await say(connection, 'ng')).toBe('ping 1')
  connection.close()
})

test('a SIGTERM refuses new clients and serves the others until they leave, then the process exits with 0', async () => {
  const service = await start()
  const [speaks, silent, lastWord] = [await connect(service), await connect(service), await connect(service)]
  await say(speaks, 'ping')
  service.signal('SIGTERM')
  await draining(service)
  await say(speaks, 'ping')
  await until('no connection is accepted', () => isRefused(service))
  // A silent client may be waiting for the server to send something, so it does not count as idle.
  expect(await say(silent, 'ping')).toBe('ping 1')
  expect(await say(lastWord, 'bye')).toBe('bye')
  await say(speaks, 'ping')
  for (const connection of [speaks, silent, lastWord]) connection.close()
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
  expect(service.output).not.toContain('drain timed out')
})

test('a client can read everything that was written before the end, however slowly it reads', async () => {
  const service = await start()
  const connection = await connect(service)
  await connection.write('flood\nbye\n')
  let bytes = (await connection.read())?.length ?? 0
  service.signal('SIGTERM')
  await draining(service)
  for (let chunk = await connection.read(); chunk; chunk = await connection.read()) bytes += chunk.length
  expect(bytes).toBe(4_194_304 + 'bye\n'.length)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})

const endings: [string, (service: Service) => Promise<unknown>, object, RegExp][] = [
  ['the limit', draining, { drainTimeoutMs: 300 }, /drain timed out: 2 connections cut/],
  [
    'a second signal',
    async (service) => {
      await draining(service)
      service.signal('SIGTERM', service.pid)
    },
    {},
    /cut short: 2 connections cut/,
  ],
]

test.each(endings)(
  '%s cuts the remaining connections, the log names them, and the process exits with 1',
  async (_, end, graceful, says) => {
    const service = await start(graceful)
    const connections = [await connect(service), await connect(service)]
    for (const connection of connections) await say(connection, 'ping')
    service.signal('SIGTERM')
    await end(service)
    const ended: Ending[] = await Promise.all(connections.map(({ closed }) => closed))
    for (const { how } of ended) expect(how).toMatch(/^(end|reset)$/)
    expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
    expect(await service.line(says)).toMatch(/\(raw, \d+ ms\)/)
  },
)

test('a shutdown of the successor does not affect the clients of its predecessor', async () => {
  const service = await start()
  const connection = await connect(service)
  await say(connection, 'ping')
  const { to } = await service.reload()
  service.signal('SIGTERM', to.pid)
  await service.exitOf(to.pid)
  // The predecessor has duplicates of the listeners until it has read that its successor shuts down.
  await until('no connection is accepted', () => isRefused(service))
  expect(await say(connection, 'ping')).toBe('ping 1')
  connection.close()
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})
