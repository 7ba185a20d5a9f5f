// V8 optimizes code for the hidden classes that it has seen. Moved and accepted sockets share one, so that the functions of
// node:http see one class. Each test runs in the Node under test.
import { expect, test } from 'vitest'
import { isReady } from '../support/generations.js'
import { ask, askOnce, connect } from '../support/http.js'
import { launchProgram } from '../support/program.js'

const program = `
import http from 'node:http'
const sockets = new Set()
const alike = () => {
  const [first] = sockets
  return [...sockets].map((each) => %HaveSameMap(first, each))
}
const server = http.createServer((request, response) => {
  if (request.url === '/alike') return response.end(JSON.stringify(alike()))
  sockets.add(request.socket)
  response.end('ok')
})
server.keepAliveTimeout = 60_000
const handle = graceful(server, { logger: false, probationMs: 50 })
tellOf(handle)
server.listen(0, '127.0.0.1', () => tell('listening', { addresses: [server.address()] }))
`

test('moved and accepted sockets have the same hidden class after their requests', async () => {
  const service = launchProgram(program, { execArgv: ['--allow-natives-syntax'] })
  await Promise.all([service.event('listening'), service.event(isReady)])
  const moved = await connect(service.target)
  await ask(moved, '/')
  await service.reload()
  await service.exitOf(service.pid)
  const accepted = await connect(service.target)
  for (const connection of [moved, accepted, moved, accepted]) await ask(connection, '/')
  expect(JSON.parse((await askOnce(service.target, '/alike')).text)).toEqual([true, true])
})
