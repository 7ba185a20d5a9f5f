import { expect, test } from 'vitest'
import { type ByteSource, readBody, readHead } from './response.js'

/** A source that returns the text in chunks of `pieceBytes` bytes. */
function sourceOf(text: string, pieceBytes: number): ByteSource {
  const pieces: Buffer[] = []
  for (let at = 0; at < text.length; at += pieceBytes)
    pieces.push(Buffer.from(text.slice(at, at + pieceBytes)))
  return {
    read: async () => pieces.shift() ?? null,
    unread: (chunk) => void pieces.unshift(chunk),
  }
}

async function read(source: ByteSource) {
  const head = await readHead(source)
  let body = ''
  for await (const chunk of readBody(source, head)) body += chunk.toString()
  return { status: head.status, keepAlive: head.keepAlive, body }
}

const head = (...lines: string[]) => `${lines.join('\r\n')}\r\n\r\n`

test.each([1, 2, 3, 7, 1000])(
  'responses in chunks of %i bytes are read one after the other',
  async (size) => {
    const text = [
      head('HTTP/1.1 103 Early Hints', 'Link: </a>'),
      head('HTTP/1.1 200 OK', 'content-length:5'),
      'first',
      head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'),
      '3;name=value\r\nsec\r\n3\r\nond\r\n0\r\nTrailer: yes\r\n\r\n',
      head('HTTP/1.1 304 Not Modified', 'Content-Length: 17'),
      head('HTTP/1.1 200', 'Connection: Upgrade, Close', 'Content-Length: 4'),
      'last',
    ]
    const source = sourceOf(text.join(''), size)
    expect(await read(source)).toEqual({ status: 200, keepAlive: true, body: 'first' })
    expect(await read(source)).toEqual({ status: 200, keepAlive: true, body: 'second' })
    expect(await read(source)).toEqual({ status: 304, keepAlive: true, body: '' })
    expect(await read(source)).toEqual({ status: 200, keepAlive: false, body: 'last' })
    expect(await source.read()).toBeNull()
  },
)

test('a response without a length extends to the end of the connection', async () => {
  const source = sourceOf(`${head('HTTP/1.1 200 OK', 'Server: old')}all of it`, 4)
  expect(await read(source)).toEqual({ status: 200, keepAlive: false, body: 'all of it' })
})

test('HTTP/1.0 keeps the connection only with Connection: keep-alive', async () => {
  const ten = (...more: string[]) => sourceOf(head('HTTP/1.0 200 OK', 'Content-Length: 0', ...more), 9)
  expect(await read(ten())).toMatchObject({ keepAlive: false })
  expect(await read(ten('Connection: keep-alive'))).toMatchObject({ keepAlive: true })
})

test('repeated headers are joined', async () => {
  const { headers } = await readHead(
    sourceOf(head('HTTP/1.1 200 OK', 'Via: a', 'via: b', 'Content-Length: 0'), 9),
  )
  expect(headers.get('via')).toBe('a, b')
})

test.each([
  ['a status line', head('HTTP/2 200 OK')],
  ['a header', head('HTTP/1.1 200 OK', 'no colon')],
  ['a length', head('HTTP/1.1 200 OK', 'Content-Length: -1')],
  ['two lengths', head('HTTP/1.1 200 OK', 'Content-Length: 1', 'Content-Length: 2')],
  ['a chunk size', `${head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked')}x\r\n`],
  ['a chunk', `${head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked')}1\r\nab\r\n`],
  ['an endless head', `HTTP/1.1 200 OK\r\nA: ${'a'.repeat(70_000)}`],
  ['an endless series of interim responses', head('HTTP/1.1 100 Continue').repeat(20)],
])('malformed: %s', async (_, text) => {
  await expect(read(sourceOf(text, 5000))).rejects.toMatchObject({ name: 'Fault', kind: 'malformed' })
})
