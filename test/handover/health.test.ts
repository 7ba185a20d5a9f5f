// Readiness with a check of the program, and setReady().
import { expect, test } from 'vitest'
import { ask, askOnce, connect } from '../support/http.js'
import { startProgram } from '../support/program.js'

const program = `
  import http from 'node:http'
  const checks = { database: 'up' }
  const server = http.createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost')
    if (pathname === '/database') checks.database = searchParams.get('is')
    if (pathname === '/ready') handle.setReady(searchParams.get('is') === 'true')
    response.end('ok')
  })
  const check = async () => {
    if (checks.database === 'hung') return new Promise(() => {})
    if (checks.database !== 'up') throw new Error('the database is ' + checks.database)
    return checks
  }
  const handle = graceful(server, {
    health: { liveness: '/livez', readiness: { path: '/readyz', check, timeoutMs: 200 } },
    lingerMs: 0, probationMs: 20,
  })
  tellOf(handle)
  server.listen(0, '127.0.0.1', () => tell('listening', { addresses: [server.address()] }))`

async function start() {
  const service = await startProgram(program)
  await service.event('listening')
  const readiness = async () => {
    const { status, text } = await askOnce(service.target, '/readyz')
    return [status, JSON.parse(text)]
  }
  return { service, readiness, say: (path: string) => askOnce(service.target, path) }
}

const facts = { state: 'ready', generation: 1 }

test('readiness shows the result of the check, its failure or its timeout; liveness and other requests do not change', async () => {
  const { service, readiness, say } = await start()
  expect(await readiness()).toEqual([200, { status: 'ready', ...facts, result: { database: 'up' } }])
  await say('/database?is=down')
  expect(await readiness()).toEqual([503, { status: 'not ready', ...facts, error: 'the database is down' }])
  await say('/database?is=hung')
  const kept = await connect(service.target)
  const late = await ask(kept, '/readyz')
  expect(late).toMatchObject({ status: 503, keepAlive: true })
  expect(JSON.parse(late.text).error).toBe('the check timed out after 200 ms')
  expect(await askOnce(service.target, '/livez')).toMatchObject({ status: 200 })
  await say('/database?is=up')
  expect(await readiness()).toMatchObject([200, {}])
})

test('after setReady(false) readiness is 503 until setReady(true), and nothing else changes; a successor starts with true', async () => {
  const { service, readiness, say } = await start()
  await say('/ready?is=false')
  expect(await readiness()).toEqual([503, { status: 'not ready', ...facts }])
  expect(await say('/')).toMatchObject({ status: 200, keepAlive: true })
  await say('/ready?is=true')
  expect(await readiness()).toMatchObject([200, {}])
  await say('/ready?is=false')
  expect((await service.reload()).to.generation).toBe(2)
  await service.exitOf(service.pid)
  expect(await readiness()).toMatchObject([200, { generation: 2 }])
})
