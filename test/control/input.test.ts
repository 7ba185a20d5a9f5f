import { expect, onTestFinished, test } from 'vitest'
import { ask, ControlSocket } from '../support/control.js'
import { startControlled } from '../support/controlled.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

async function connect(path: string): Promise<ControlSocket> {
  const client = await ControlSocket.connect(path)
  onTestFinished(() => client.close())
  return client
}

const status = { handover: 1, id: 1, request: 'status' }

const malformed: [string, string, unknown, RegExp][] = [
  ['text that is not JSON', 'status please', null, /one line of JSON/],
  ['half a line of JSON', '{"handover":1,', null, /one line of JSON/],
  ['bytes that are not text', '\xff\x00\x01', null, /one line of JSON/],
  ['a list', '[]', null, /is an object/],
  ['null', 'null', null, /is an object/],
  ['another version', '{"handover":2,"id":7,"request":"status"}', 7, /"handover" must be 1/],
  ['no version', '{"id":"a","request":"status"}', 'a', /"handover" must be 1/],
  ['no id', '{"handover":1,"request":"status"}', null, /"id" must be/],
  ['an id that is an object', '{"handover":1,"id":{},"request":"status"}', null, /"id" must be/],
  ['an id that is too long', JSON.stringify({ ...status, id: 'x'.repeat(101) }), null, /"id" must be/],
  [
    'an unknown request',
    '{"handover":1,"id":1,"request":"restart"}',
    1,
    /one of status, watch, reload, scale, stop/,
  ],
  [
    'a request named like an inherited property',
    '{"handover":1,"id":1,"request":"toString"}',
    1,
    /"request" must be one of/,
  ],
  ['a wrong "wait"', '{"handover":1,"id":1,"request":"reload","wait":"no"}', 1, /"wait" must be/],
  ['a scale without "workers"', '{"handover":1,"id":1,"request":"scale"}', 1, /"workers" must be/],
  ['a scale to 0', '{"handover":1,"id":1,"request":"scale","workers":0}', 1, /from 1 to 1000/],
  ['a scale to 1001', '{"handover":1,"id":1,"request":"scale","workers":1001}', 1, /from 1 to 1000/],
  ['a scale to a text', '{"handover":1,"id":1,"request":"scale","workers":"2"}', 1, /"workers" must be/],
]

test('C53: the service answers malformed and unknown input, and the client can continue', async () => {
  const { path, service } = await startControlled()
  const client = await connect(path)
  for (const [i, [what, line, id, why]] of malformed.entries()) {
    client.write(`${line}\n`)
    await until(`the service has answered ${what}`, () => client.lines.length > i)
    expect(client.lines[i], what).toMatchObject({
      id,
      ok: false,
      error: { code: 'ERR_HANDOVER_REQUEST', message: expect.stringMatching(why) },
    })
  }
  client.write('\n  \n')
  client.send({ ...status, id: 'last' })
  expect(await client.answer('last')).toMatchObject({ ok: true })
  expect(client.lines).toHaveLength(malformed.length + 1)
  expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
})

test.each([
  ['a whole line', `${'x'.repeat(70_000)}\n`],
  ['an unfinished line', 'x'.repeat(70_000)],
])('C53: the service answers %s that is too long and closes the connection', async (_, text) => {
  const { path } = await startControlled()
  const client = await connect(path)
  client.write(text)
  expect(await client.answer(null)).toMatchObject({ error: { message: expect.stringMatching(/65536/) } })
  await client.closed()
  expect(await ask(path, 'status')).toMatchObject({ ok: true })
})

test('C53: the service answers several requests in one chunk and one request in many chunks', async () => {
  const { path } = await startControlled()
  const client = await connect(path)
  client.write([1, 2, 3].map((id) => `${JSON.stringify({ ...status, id })}\r\n`).join(''))
  for (const id of [1, 2, 3]) expect(await client.answer(id)).toMatchObject({ ok: true })
  for (const byte of `${JSON.stringify({ ...status, id: 'ü' })}\n`) {
    client.write(byte)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(await client.answer('ü')).toMatchObject({ ok: true })
})

test('C53: a client that ends its side after the request still gets its answer', async () => {
  const { path } = await startControlled()
  const client = await connect(path)
  client.write(JSON.stringify({ handover: 1, id: 1, request: 'reload' }))
  client.end()
  expect(await client.answer(1)).toMatchObject({ ok: true })
  await client.closed()
})

test('C53: the service drops a client that does not read, and keeps serving the others', async () => {
  const { path, service } = await startControlled()
  const client = await connect(path)
  client.pause()
  for (let i = 0; i < 2_000 && !client.isClosed; i++) {
    for (let id = 0; id < 20; id++) client.send({ ...status, id })
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(await ask(path, 'status')).toMatchObject({ ok: true })
  // The remaining writes of the client fail.
  await client.closed()
  expect(await whoServes(service.target)).toMatchObject({ generation: 1 })
})

test('C53: the service refuses client 33 until another client leaves', async () => {
  const { path, service } = await startControlled()
  const clients: ControlSocket[] = []
  for (let i = 0; i < 32; i++) clients.push(await connect(path))
  const refused = await connect(path)
  expect(await refused.answer(null)).toMatchObject({
    error: { code: 'ERR_HANDOVER_BUSY', message: expect.stringMatching(/32 clients/) },
  })
  await refused.closed()
  clients[31]?.close()
  await until(
    'the service accepts a client',
    async () => (await ask(path, 'status').catch(() => undefined))?.ok === true,
  )
  expect(await whoServes(service.target)).toMatchObject({ generation: 1 })
})

test('C53: a client can have at most 16 requests pending', async () => {
  const { path } = await startControlled()
  const client = await connect(path)
  for (let id = 1; id <= 17; id++) client.send({ handover: 1, id, request: 'watch' })
  expect(await client.answer(17)).toMatchObject({
    error: { code: 'ERR_HANDOVER_BUSY', message: expect.stringMatching(/16 requests/) },
  })
})

test('C53: a reload continues when the client that started it disconnects', async () => {
  const { path, service } = await startControlled()
  const client = await connect(path)
  client.send({ handover: 1, id: 1, request: 'reload' })
  await client.line(({ event }) => event === 'phase')
  client.close()
  await service.exitOf(service.pid)
  expect(await whoServes(service.target)).toMatchObject({ generation: 2 })
})
