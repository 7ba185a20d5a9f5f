// nginx with the configuration of examples/nginx in front of three instances. The clients send all kinds of requests, POST
// among them, and keep WebSockets and event streams open.
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import {
  type Balanced,
  deploy,
  type InstanceOptions,
  reload,
  startInstances,
  stopAndStart,
} from '../support/instances.js'

const config = fileURLToPath(new URL('../../examples/nginx/nginx.conf', import.meta.url))
/** The settings of docs/guides/nginx.md. */
const server = { keepAliveTimeout: 120_000 }
const graceful = { lingerMs: 3_000 }

async function startBalanced(options: InstanceOptions = {}): Promise<Balanced> {
  const balanced = await startInstances({ server, graceful, ...options })
  balanced.host.start('nginx', ['-c', config, '-g', 'daemon off;'])
  return balanced
}

test('behind nginx, stopping and starting each instance in turn fails no request; WebSockets and event streams end in order', async () => {
  const endings = await deploy(await startBalanced(), stopAndStart)
  expect(new Set(endings)).toEqual(new Set(['1012', 'complete']))
})

test('behind nginx, reloading each instance in turn fails no request and ends no WebSocket or event stream', async () => {
  expect(await deploy(await startBalanced(), reload)).toEqual([])
})

test('behind nginx, the same is true for instances with two workers', async () => {
  expect(await deploy(await startBalanced({ workers: 2 }), reload)).toEqual([])
})
