// An application that closes itself behaves as Fastify documents, with and without the adapter.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { evaluate } from '../support/program.js'

const { resolve } = createRequire(import.meta.url)
const url = (name: string) => pathToFileURL(resolve(name)).href

/**
 * A handler closes the application and responds. If `again` is set, the client then sends another request on the same
 * connection. Prints the status and the `Connection` header of each response.
 */
const conversation = (options: object, adapter: boolean, again: boolean) => `
  import net from 'node:net'
  import { once } from 'node:events'
  import Fastify from '${url('fastify')}'
  import graceful from '${url('@handover/fastify')}'
  const app = Fastify(${JSON.stringify({ keepAliveTimeout: 60_000, ...options })})
  if (${adapter}) await app.register(graceful, { lingerMs: ${again ? 10_000 : 300}, logger: false })
  let closed
  app.get('/', async () => {
    closed ??= app.close()
    while (app.server.listening) await new Promise(setImmediate)
    return 'ok'
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const socket = net.connect(app.server.address().port, '127.0.0.1').setEncoding('utf8')
  const request = 'GET / HTTP/1.1\\r\\nHost: test\\r\\n\\r\\n'
  const heads = []
  socket.on('data', (text) => {
    heads.push([text.slice(9, 12), /^connection: (.*)\\r/im.exec(text)?.[1]])
    if (${again} && heads.length === 1) socket.write(request)
  })
  socket.write(request)
  await once(socket, 'end')
  socket.end()
  await closed
  console.log(JSON.stringify(heads))`

test.each([
  ['503', {}],
  ['its usual response with return503OnClosing: false', { return503OnClosing: false }],
])('the next request after app.close() in a handler gets %s', async (_, options) => {
  const [plain, adapted] = await Promise.all(
    [false, true].map((adapter) => evaluate(conversation(options, adapter, true))),
  )
  const last = 'return503OnClosing' in options ? '200' : '503'
  expect(plain).toEqual([
    ['200', 'keep-alive'],
    [last, 'close'],
  ])
  expect(adapted).toEqual(plain)
})

test('after app.close() an idle connection closes after lingerMs, not after the keep-alive timeout', async () => {
  expect(await evaluate(conversation({}, true, false))).toEqual([['200', 'keep-alive']])
})
