// On localhost, Fastify has a second, private server for the second address.
import { fileURLToPath } from 'node:url'
import type { Target } from '@handover/load'
import { expect, test, vi } from 'vitest'
import { ask, connect, givenBy } from '../support/http.js'
import { halfOfEveryWorkload, longestMs, reloadUnder } from '../support/reload-under.js'
import { type Service, startService } from '../support/service.js'

vi.setConfig({ testTimeout: longestMs })

interface OnLocalhost {
  readonly service: Service
  readonly ipv4: Target
  readonly ipv6: Target
}

async function fastifyOnLocalhost(graceful: object): Promise<OnLocalhost> {
  const service = await startService('fastify.mjs', {
    config: { graceful, listen: { port: 0, host: 'localhost' } },
    execArgv: ['--import', fileURLToPath(new URL('../fixtures/both-addresses.mjs', import.meta.url))],
  })
  const [ipv4, ipv6] = ['127.0.0.1', '::1'].map((host) =>
    service.targets.find((target) => 'host' in target && target.host === host),
  )
  if (!ipv4 || !ipv6) throw new Error(`Fastify listens only on ${JSON.stringify(service.targets)}`)
  return { service, ipv4, ipv6 }
}

test('C26: Fastify on localhost keeps 127.0.0.1 and ::1 over 10 reloads, both under load', async () => {
  const { service, ipv4, ipv6 } = await fastifyOnLocalhost({ probationMs: 100 })
  await reloadUnder(service, 10, [
    [ipv4, halfOfEveryWorkload()],
    [ipv6, halfOfEveryWorkload()],
  ])
})

test.each(['ipv4', 'ipv6'] as const)(
  'C26: an idle connection on one address (%s) stays open when the other address has finished its drain',
  async (address) => {
    const { service, ...targets } = await fastifyOnLocalhost({ probationMs: 50, moveConnections: false })
    const idle = await connect(targets[address])
    await ask(idle, '/')
    const { from } = await service.reload()
    await service.line(/draining: 1 connection open; waiting for idle connections only/)
    const answer = await ask(idle, '/')
    expect(answer).toMatchObject({ status: 200, keepAlive: false })
    expect(givenBy(answer)).toEqual(from)
    await service.exitOf(from.pid)
  },
)
