// Socket.IO behind a proxy that terminates TLS.
import type { TcpTarget } from '@handover/load'
import { expect, test } from 'vitest'
import { blocksOf } from '../docs/pages.js'
import { startTlsNginx } from '../support/proxies.js'
import { finalReports } from '../support/reports.js'
import { startService } from '../support/service.js'
import { connect, movingSocketIo } from '../support/socket-io.js'
import { until } from '../support/until.js'

const location =
  blocksOf('docs/guides/socket-io.md').find(({ code }) => code.includes('proxy_pass'))?.code ?? ''

test('with the nginx configuration of the guide, clients over TLS stay connected through two reloads', async () => {
  const service = await startService('moving-socket-io.mjs', movingSocketIo())
  const port = await startTlsNginx((service.target as TcpTarget).port, location)
  const proxy = { target: { port } }
  const clients = [
    await connect(proxy, { tls: true }),
    await connect(proxy, { tls: true, transports: ['polling', 'websocket'] }),
  ]
  await until('all clients are on WebSocket', () =>
    clients.every(({ socket }) => socket.io.engine.transport.name === 'websocket'),
  )
  for (const generation of [2, 3]) {
    await service.reload()
    for (const client of clients) await client.servedBy(generation)
  }
  expect(clients.map(({ changes }) => changes)).toEqual([['connect'], ['connect']])
  for (const { drain } of await finalReports(service, 2)) expect(drain).toMatchObject({ lost: 0, cut: [] })
})
