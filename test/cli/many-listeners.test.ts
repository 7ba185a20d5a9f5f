// Under `handover run`, the cost of a reload grows linearly with the number of listeners.
import { expect, test } from 'vitest'
import { programFile } from '../support/program.js'
import { rollWorkers, startRun } from '../support/supervised.js'

const listeners = 200

/** Counts the messages that its worker sends and the calls to `address()` of its servers. */
const program = `
  import http from 'node:http'
  import net from 'node:net'
  const counts = { messages: 0, names: 0, addresses: 0 }
  const { channel } = globalThis[Symbol.for('handover.early')]
  const { send } = channel
  channel.send = function (message, ...more) {
    counts.messages++
    if (message.type === 'serves') counts.names += message.held.length
    return send.call(this, message, ...more)
  }
  const { address } = net.Server.prototype
  net.Server.prototype.address = function () {
    counts.addresses++
    return address.call(this)
  }
  const servers = Array.from({ length: ${listeners} }, () => http.createServer())
  const [handle] = servers.map((server) => graceful(server, config.graceful))
  tellOf(handle)
  for (const server of servers) server.listen({ port: 0, host: '127.0.0.1' })
  await handle.ready()
  tell('listening', { addresses: [servers[0].address()] })
  handle.on('report', () => tell('counts', counts))`

test('the number of messages for 200 bound and 200 inherited listeners grows linearly', async () => {
  const service = await startRun(programFile(program), { config: { graceful: { probationMs: 20 } } })
  await rollWorkers(service)
  await rollWorkers(service)
  const first = await service.event('counts')
  const second = await service.event('counts', { afterIndex: first.index })
  for (const { messages, names, addresses } of [first, second]) {
    expect(messages).toBeLessThan(listeners * 3)
    expect(names).toBeLessThan(listeners * 5)
    expect(addresses).toBeLessThan(listeners * 10)
  }
})
