import { createHash } from 'node:crypto'
import { type Exchange, pause } from './client.js'
import type { RawConnection } from './connection.js'
import { pattern, patternSha256 } from './pattern.js'

/** `GET path`. The whole body must match `answer`. */
export function get(path: string, answer = /^ok$/): Exchange {
  const request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  return {
    send: (connection) => connection.write(request),
    check: (body) => expectContent(body, answer),
  }
}

/** `POST /upload` with the pattern, sent in equal slices over `overMs`. The response must be its SHA-256. */
export function upload(bytes: number, overMs: number): Exchange {
  const head = `POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: ${bytes}\r\n\r\n`
  const sha256 = patternSha256(bytes)
  return {
    async send(connection) {
      await connection.write(head)
      await sendPaced(connection, bytes, overMs)
    },
    check: (body) => expectContent(body, sha256),
  }
}

/** `GET /download`, paced so that reading the body takes `overMs`. */
export function download(bytes: number, overMs: number): Exchange {
  const request = `GET /download?bytes=${bytes} HTTP/1.1\r\nHost: localhost\r\n\r\n`
  const sha256 = patternSha256(bytes)
  return {
    send: (connection) => connection.write(request),
    check: (body) => expectPattern(body, { bytes, sha256, overMs }),
  }
}

/** Stops when a response arrives early or the connection ends. The next read shows which. */
async function sendPaced(connection: RawConnection, bytes: number, overMs: number): Promise<void> {
  const startedAt = performance.now()
  let sent = 0
  for (const slice of pattern(bytes)) {
    const waitMs = startedAt + (overMs * sent) / bytes - performance.now()
    if (waitMs > 1) await connection.quiet(waitMs)
    if (connection.hasUnread || connection.ending) return
    await connection.write(slice)
    sent += slice.length
  }
}

async function expectPattern(
  body: AsyncIterable<Buffer>,
  { bytes, sha256, overMs }: { bytes: number; sha256: string; overMs: number },
): Promise<string | undefined> {
  const startedAt = performance.now()
  const hash = createHash('sha256')
  let received = 0
  for await (const chunk of body) {
    hash.update(chunk)
    received += chunk.length
    const waitMs = startedAt + (overMs * received) / bytes - performance.now()
    if (waitMs > 1) await pause(waitMs)
  }
  if (received !== bytes) return `expected ${bytes} bytes, got ${received}`
  return hash.digest('hex') === sha256 ? undefined : `${bytes} bytes that do not match the pattern`
}

async function expectContent(
  body: AsyncIterable<Buffer>,
  expected: string | RegExp,
): Promise<string | undefined> {
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk)
  const actual = Buffer.concat(chunks).toString()
  const isRight = typeof expected === 'string' ? actual === expected : expected.test(actual)
  if (isRight) return undefined
  return `${JSON.stringify(actual.slice(0, 200))} instead of ${typeof expected === 'string' ? JSON.stringify(expected) : expected}`
}
