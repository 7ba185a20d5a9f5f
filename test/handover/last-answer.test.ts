import { expect, test } from 'vitest'
import { ask, connect } from '../support/http.js'
import { startService } from '../support/service.js'

/** Forms of a response head that a proxy copies. Its `Connection` header is about another connection. */
const heads = {
  'an object': { Connection: 'keep-alive', 'X-One': '1' },
  'names and values': ['connection', 'keep-alive', 'X-One', '1', 'Set-Cookie', 'a', 'Set-Cookie', 'b'],
  pairs: [
    ['Set-Cookie', 'a'],
    ['CONNECTION', 'keep-alive'],
    ['Set-Cookie', 'b'],
  ],
  'an object without a Connection header': { 'X-One': '1' },
}

test.each(Object.entries(heads))(
  'the last response has "Connection: close" and every other header when writeHead gets %s',
  async (_, head) => {
    const graceful = { moveConnections: false, probationMs: 50 }
    const server = { keepAliveTimeout: 60_000 }
    const service = await startService('http.mjs', { config: { graceful, server } })
    const connection = await connect(service.target)
    const path = `/proxied?head=${encodeURIComponent(JSON.stringify(head))}`
    const before = await ask(connection, path)
    const { from } = await service.reload()
    const last = await ask(connection, path)
    expect([before.keepAlive, last.keepAlive]).toEqual([true, false])
    expect(last.headers.get('connection')).toBe('close')
    expect(others(last.headers)).toEqual(others(before.headers))
    await service.exitOf(from.pid)
  },
)

function others(headers: ReadonlyMap<string, string>): Record<string, string> {
  const { connection, 'keep-alive': limit, date, ...rest } = Object.fromEntries(headers)
  return rest
}
