import { expect, test } from 'vitest'
import { answer, type Behavior, hostile } from '../test/hostile-server.js'
import { RawConnection } from './index.js'

const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

test('a request can be written in two halves', async () => {
  const connection = await RawConnection.connect(await hostile((socket) => socket.write(answer('ok'))))
  await connection.write(GET.slice(0, 20))
  await connection.write(GET.slice(20))
  expect(await connection.response()).toMatchObject({ status: 200, text: 'ok', keepAlive: true })
  connection.close()
})

test('two responses in one packet are read one by one', async () => {
  const connection = await RawConnection.connect(
    await hostile((socket) => socket.write(answer('one') + answer('two'))),
  )
  await connection.write(GET)
  expect((await connection.response()).text).toBe('one')
  expect((await connection.response()).text).toBe('two')
  connection.close()
})

test.each<[string, Behavior]>([
  ['end', (socket) => socket.end()],
  ['reset', (socket) => socket.resetAndDestroy()],
])('an idle connection reports its %s without a pending read', async (how, behave) => {
  const connection = await RawConnection.connect(await hostile(behave))
  await connection.write(GET)
  expect(await connection.closed).toMatchObject({ how })
  expect(connection.ending).toMatchObject({ how })
})

test('data from before the end can still be read', async () => {
  const connection = await RawConnection.connect(await hostile((socket) => socket.end(answer('ok'))))
  await connection.write(GET)
  await connection.closed
  expect(connection.hasUnread).toBe(true)
  expect((await connection.response()).text).toBe('ok')
  expect(await connection.read()).toBeNull()
})

test('a write that the server does not read ends the connection at the limit', async () => {
  const connection = await RawConnection.connect(await hostile((socket) => socket.pause()), { stallMs: 50 })
  await connection.write(GET)
  await connection.write(Buffer.alloc(64 * 1024 * 1024))
  expect(connection.ending).toEqual({ how: 'timeout', detail: 'no byte was sent for 50 ms' })
})

test('quiet returns early when data arrives', async () => {
  const connection = await RawConnection.connect(await hostile((socket) => socket.write(answer('ok'))))
  await connection.write(GET)
  await connection.quiet(60_000)
  expect(connection.hasUnread).toBe(true)
  connection.close()
  expect(await connection.closed).toMatchObject({ how: 'local' })
})
