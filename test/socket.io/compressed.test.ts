// Clients with compressed WebSockets.
import { expect, test } from 'vitest'
import { finalReports } from '../support/reports.js'
import { startService } from '../support/service.js'
import { type Client, connect, movingSocketIo } from '../support/socket-io.js'
import { withoutContext } from '../support/websockets.js'

const start = (perMessageDeflate: unknown) =>
  startService('moving-socket-io.mjs', movingSocketIo({ io: { perMessageDeflate } }))

function extensionsOf({ socket }: Client): string {
  const { transport } = socket.io.engine as unknown as { transport: { ws: { extensions: string } } }
  return transport.ws.extensions
}

test('a client that is compressed without context takeover moves', async () => {
  const service = await start({ ...withoutContext, threshold: 0 })
  const client = await connect(service)
  const { id } = client.socket
  expect(extensionsOf(client)).toContain('permessage-deflate')
  const bytes = Buffer.alloc(5_000, 'bytes')
  for (const generation of [2, 3]) {
    await service.reload()
    await client.servedBy(generation)
    expect(await client.ask('binary', bytes)).toEqual(Buffer.concat([bytes, Buffer.from('!')]))
  }
  expect(client.socket.id).toBe(id)
  expect(client.changes).toEqual(['connect'])
  for (const { drain } of await finalReports(service, 2)) expect(drain).toMatchObject({ moved: 1, closed: 0 })
})

test('a client that is compressed with context takeover is closed and reconnects', async () => {
  const service = await start(true)
  const client = await connect(service)
  await service.reload()
  await client.servedBy(2)
  expect(client.changes).toEqual(['connect', 'transport close', 'connect'])
})
