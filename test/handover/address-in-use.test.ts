import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { launchProgram, programFile, startProgram } from '../support/program.js'
import { startService } from '../support/service.js'
import { listener, listenersOf } from '../support/sockets.js'
import { rollWorkers, startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { whoServes } from '../support/who.js'

const quick = { probationMs: 20 }

/** An address that is in use. */
async function taken() {
  const { address: host, port } = (await listener()).address() as AddressInfo
  return { host, port }
}

test('at the first start, a server whose address is in use emits the usual error, and ready() rejects with a HandoverError', async () => {
  const { host, port } = await taken()
  const service = launchProgram(
    `import http from 'node:http'
    const server = http.createServer()
    const handle = graceful(server)
    server.on('error', ({ name, code, syscall, message }) => tell('server', { name, code, syscall, message }))
    server.listen(config.listen)
    await handle.ready().catch(({ name, code, message, address, port, cause }) =>
      tell('ready', { name, code, message, address, port, cause: cause.code }),
    )
    tell('state', { state: handle.state })`,
    { config: { listen: { host, port } } },
  )
  expect(await service.event('server')).toMatchObject({
    name: 'Error',
    code: 'EADDRINUSE',
    syscall: 'listen',
    message: `listen EADDRINUSE: address already in use ${host}:${port}`,
  })
  const { message, ...error } = await service.event('ready')
  expect(error).toMatchObject({
    name: 'HandoverError',
    code: 'ERR_HANDOVER_ADDRESS_IN_USE',
    address: host,
    port,
    cause: 'EADDRINUSE',
  })
  expect(message).toContain(`${host}:${port} is in use, and this process did not inherit it.`)
  expect(message).toContain('call graceful() first')
  // Handover does not decide how the program continues.
  expect(await service.event('state')).toMatchObject({ state: 'starting' })
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})

test.each(['http.mjs', 'express.mjs', 'koa.mjs', 'fastify.mjs'])(
  'an address in use in a successor of %s fails the reload with that reason, and the service keeps serving',
  async (fixture) => {
    const release = join(tempDir(), 'release')
    const service = await startService(fixture, { config: { graceful: quick, release } })
    const { host, port } = await taken()
    writeFileSync(release, JSON.stringify({ listen: { host, port } }))
    await expect(service.reload()).rejects.toThrow(
      new RegExp(
        `ERR_HANDOVER_SUCCESSOR_EXITED Successor \\d+ exited with code 1 before it was ready: .*${host}:${port}.* This generation keeps serving`,
      ),
    )
    expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
  },
)

test('an address in use in a successor that ignores the error fails the reload with that reason', async () => {
  const port = join(tempDir(), 'port')
  writeFileSync(port, String((await taken()).port))
  const service = await startProgram(
    `import http from 'node:http'
    import { readFileSync } from 'node:fs'
    const [server, other] = [http.createServer(), http.createServer()]
    const handle = graceful(server, config.graceful)
    tellOf(handle)
    // Not registered and with ignored errors, like Fastify's second server for localhost.
    other.on('error', () => {})
    if (handle.predecessor) other.listen(Number(readFileSync(config.port)), '127.0.0.1')
    server.listen(0, '127.0.0.1')`,
    { config: { graceful: quick, port } },
  )
  const sockets = listenersOf(service.pid)
  await expect(service.reload()).rejects.toThrow(
    /HandoverError: 127\.0\.0\.1:\d+ is in use, and this process did not inherit it/,
  )
  expect(listenersOf(service.pid)).toEqual(sockets)
})

test('a failed reload names the cause when the predecessor listened before its first graceful()', async () => {
  const service = await startProgram(
    `import http from 'node:http'
    import { existsSync, readFileSync, writeFileSync } from 'node:fs'
    const isFirst = !existsSync(config.port)
    const [early, server] = [http.createServer(), http.createServer()]
    const listen = (port) => new Promise((resolve) => early.listen(port, '127.0.0.1', resolve))
    if (isFirst) {
      await listen(0)
      writeFileSync(config.port, String(early.address().port))
    }
    tellOf(graceful(server, config.graceful))
    if (!isFirst) await listen(Number(readFileSync(config.port)))
    server.listen(0, '127.0.0.1')`,
    { config: { graceful: quick, port: join(tempDir(), 'port') } },
  )
  await expect(service.reload()).rejects.toThrow(
    /it listened there before its first graceful\(\) \(call graceful\(\) first\)/,
  )
  expect(service.serving.pid).toBe(service.pid)
})

/** Tries an address that is in use and continues without it, so that generation 1 becomes ready anyway. */
const tolerant = (listenOptional: string) => `
  import http from 'node:http'
  const [server, optional] = [http.createServer((_, response) => response.end('ok')), http.createServer()]
  tellOf(graceful(server, config.graceful))
  optional.on('error', ({ code }) => tell('optional', { code }))
  ${listenOptional}
  server.listen(0, '127.0.0.1', () => tell('listening', { addresses: [server.address()] }))`

test.each([
  ['a server that is not registered', `optional.listen(config.taken)`],
  [
    'a registered server that then takes another port',
    `graceful(optional); optional.on('error', () => optional.listen(0, '127.0.0.1')); optional.listen(config.taken)`,
  ],
])(
  'C62: an address in use that the program tolerates in generation 1 does not fail a reload (%s)',
  async (_, listenOptional) => {
    const service = await startProgram(tolerant(listenOptional), {
      config: { graceful: quick, taken: await taken() },
    })
    for (let generation = 2; generation <= 3; generation++) {
      const afterIndex = service.lastIndex
      expect((await service.reload()).to.generation).toBe(generation)
      await service.event((fact) => fact.event === 'optional' && fact.code === 'EADDRINUSE', { afterIndex })
    }
  },
)

test('C62: under handover run, an address in use that the program tolerates does not fail a reload', async () => {
  const program = programFile(tolerant(`optional.listen(config.taken)`))
  const service = await startRun(program, { config: { graceful: quick, taken: await taken() } })
  for (let reloads = 0; reloads < 2; reloads++) await rollWorkers(service)
})
