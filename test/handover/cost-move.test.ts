// What moving a connection takes in each process. These are counts, because times depend on the machine.
import { expect, test } from 'vitest'
import { type Counts, countedProgram, exactCounts } from '../support/counts.js'
import { isReady } from '../support/generations.js'
import { askOnce } from '../support/http.js'
import { launchProgram } from '../support/program.js'
import { finalReports } from '../support/reports.js'
import { callAll, openConnections } from '../support/resting.js'

const program = `
import http from 'node:http'
const { Pipe } = process.binding('pipe_wrap')
const { writeBuffer } = Pipe.prototype
const sent = { messages: 0, handles: 0, messageBytes: 0 }
Pipe.prototype.writeBuffer = function (...given) {
  const [, message, handle] = given
  sent.messages++
  sent.messageBytes += message.length
  if (handle) sent.handles++
  return writeBuffer.apply(this, given)
}
const counts = () => ({ ...sent, ...allocations() })
const begin = () => {
  for (const each of Object.keys(sent)) sent[each] = 0
  beginAllocations()
}
const server = http.createServer((request, response) => {
  response.setHeader('x-generation', handle.generation)
  response.end(request.url === '/counts' ? JSON.stringify(counts()) : 'ok')
})
// However long the reload takes, the idle connections stay open.
server.keepAliveTimeout = 60_000
const handle = graceful(server, { logger: false, probationMs: 50 })
handle.on('state', ({ state }) => state === 'draining' && begin())
handle.on('report', () => tell('sender', { counts: counts() }))
tellOf(handle, { onReady: () => handle.generation > 1 && begin() })
server.listen(0, '127.0.0.1', () => tell('listening', { addresses: [server.address()] }))
`

/** Moves `count` idle connections in a reload. */
async function move(count: number): Promise<Record<'sender' | 'receiver', Counts>> {
  const service = launchProgram(countedProgram + program, { execArgv: exactCounts })
  await Promise.all([service.event('listening'), service.event(isReady)])
  const connections = await openConnections(service.target, count)
  expect((await callAll(connections)).failures).toEqual([])
  await service.reload()
  const [report] = await finalReports(service, 1)
  expect(report?.drain.moved).toBe(count)
  const { counts } = await service.event('sender')
  await service.exitOf(service.pid)
  const { text } = await askOnce(service.target, '/counts')
  for (const connection of connections) connection.close()
  return { sender: counts as Counts, receiver: JSON.parse(text) }
}

/**
 * The most for each connection. In each process, the first few messages depend on how busy the machine is, and the
 * sender allocates 320 to 420 objects with Node 20 to 26, depending on how many receipts arrive in a turn. The receiver
 * allocates 390 to 455.
 */
const most = {
  // A second message makes 2.
  sender: { messages: 1.5, messageBytes: 200, objects: 550, bytes: 27_000 },
  // Node's acknowledgment of the handle, and at most one receipt. A third message makes 3.
  receiver: { messages: 2.5, messageBytes: 200, objects: 550, bytes: 27_000 },
} as const

test('C49: a moved connection takes one message with a handle, at most one receipt, and few objects', async () => {
  const [few, many] = [200, 400]
  const [less, more] = [await move(few), await move(many)]
  expect(more.sender).toMatchObject({ handles: many })
  for (const side of ['sender', 'receiver'] as const) {
    for (const [figure, limit] of Object.entries(most[side])) {
      const each = ((more[side][figure] ?? Number.NaN) - (less[side][figure] ?? 0)) / (many - few)
      expect(each, `${figure} of the ${side}`).toBeLessThan(limit)
    }
  }
})
