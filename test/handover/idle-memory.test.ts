import { expect, test } from 'vitest'
import { ask, askOnce, connect } from '../support/http.js'
import { startProgram } from '../support/program.js'

const program = `
import http from 'node:http'
const requests = []
const server = http.createServer((request, response) => {
  if (request.url !== '/alive') {
    requests.push(new WeakRef(request))
    return response.end('ok')
  }
  // In a separate turn: objects dereferenced in this turn stay alive until it ends.
  setImmediate(() => {
    gc()
    response.end(String(requests.filter((each) => each.deref()).length))
  })
})
const handle = graceful(server)
tellOf(handle, { onReady() {} })
server.listen(0, '127.0.0.1', () => tell('listening', { addresses: [server.address()] }))
`

test('an idle connection does not retain the requests that were answered on it', async () => {
  const service = await startProgram(program, { execArgv: ['--expose-gc'] })
  await service.event('listening')
  const pipelined = await connect(service.target)
  await pipelined.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n'.repeat(2))
  await pipelined.response()
  await pipelined.response()
  for (let i = 0; i < 10; i++) await ask(await connect(service.target), '/')
  const { text } = await askOnce(service.target, '/alive')
  expect(Number(text)).toBe(0)
})
