// examples/deploy/blue-green.sh with a real HAProxy and two services on one host, under load.
import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Hosts, startEmptyHosts } from '../support/hosts.js'
import { until } from '../support/until.js'

const host = 'app-1'
/** The load counts responses by `x-generation`: here, the number of the release. */
const server = (release: number, health = 200) => `
  import { existsSync } from 'node:fs'
  import http from 'node:http'
  import { setTimeout as pause } from 'node:timers/promises'
  import { graceful } from '@handover/core'
  const server = http.createServer(async (request, response) => {
    response.setHeader('x-generation', ${release}).setHeader('x-pid', process.pid)
    if (request.url === '/healthz') response.statusCode = ${health}
    if (request.url === '/slow') {
      response.write('begun by ')
      while (!existsSync('/srv/app/go')) await pause(10)
    }
    response.end('generation ${release}')
  })
  graceful(server, { control: process.env.HANDOVER_CONTROL })
  server.listen(Number(process.env.PORT), '127.0.0.1')`

/** Starts both sides with release one, and HAProxy. */
async function startSides(): Promise<Hosts> {
  const hosts = await startEmptyHosts(1)
  await upload(hosts, 'one', server(1))
  await hosts.install(host, 'blue-green.sh')
  await hosts.install(host, 'haproxy.cfg')
  await hosts.ssh(host, 'cd /srv/app && ln -s releases/one blue && ln -s releases/one green')
  for (const [side, port] of [
    ['blue', 3001],
    ['green', 3002],
  ] as const) {
    await hosts.startService(host, side, `PORT=${port} HANDOVER_CONTROL=/run/app/${side}.sock`)
    const probe = `curl -s http://127.0.0.1:${port}/healthz`
    await until(`${side} serves`, async () => (await hosts.run('ssh', `app@${host}`, probe)).code === 0)
  }
  await startHaproxy(hosts)
  return hosts
}

const startHaproxy = (hosts: Hosts) =>
  hosts.ssh(host, '/usr/sbin/haproxy -D -p /run/app/haproxy.pid -f /srv/app/haproxy.cfg >>/srv/app/log 2>&1')

async function upload(hosts: Hosts, release: string, text: string): Promise<void> {
  hosts.build(release, '', text)
  await hosts.upload(host, release)
}

const deploy = (hosts: Hosts, argument: string) =>
  hosts.run('ssh', `app@${host}`, `/srv/app/blue-green.sh ${argument}`)

const served = (hosts: Hosts) => hosts.do('curl', '-s', `http://${host}:3000/`)

test('blue/green switches and rolls back without a failed request, and no client reaches a bad release', async () => {
  const hosts = await startSides()
  const load = await hosts.load()
  const slow = hosts.command('curl', '-sN', `http://${host}:3000/slow`)
  await slow.printed(/begun by/)

  await upload(hosts, 'two', server(2))
  expect(await deploy(hosts, 'two')).toMatchObject({ code: 0 })
  expect(await served(hosts)).toBe('generation 2')
  writeFileSync(hosts.path(host, 'go'), '')
  await slow.ended
  expect(slow.output).toBe('begun by generation 1')

  await upload(hosts, 'three', "throw new Error('no database')")
  await upload(hosts, 'four', server(4, 503))
  for (const [release, reason] of [
    ['three', 'no database'],
    ['four', '503'],
  ] as const) {
    const { code, output } = await deploy(hosts, release)
    expect({ code, output }).toMatchObject({ code: 1, output: expect.stringContaining(reason) })
    expect(output).toContain('green keeps serving')
  }

  expect(await deploy(hosts, '--rollback')).toMatchObject({ code: 0 })
  expect(await served(hosts)).toBe('generation 1')
  const [result] = await load.finish()
  expect(result?.failures).toEqual([])
  expect(result?.servedBy).toEqual([1, 2])
})

test('after HAProxy restarts, the side that served before serves', async () => {
  const hosts = await startSides()
  await upload(hosts, 'two', server(2))
  expect(await deploy(hosts, 'two')).toMatchObject({ code: 0 })
  await hosts.ssh(host, 'kill $(cat /run/app/haproxy.pid)')
  await until(
    'HAProxy has ended',
    async () => (await hosts.run('ssh', `app@${host}`, 'kill -0 $(cat /run/app/haproxy.pid)')).code !== 0,
  )
  await startHaproxy(hosts)
  expect(await served(hosts)).toBe('generation 2')
})
