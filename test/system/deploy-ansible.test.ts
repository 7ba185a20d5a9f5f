// The play of examples/deploy/ansible with Debian's ansible-core and two hosts, under load.
import { expect, test } from 'vitest'
import { type Hosts, startHosts } from '../support/hosts.js'

/** Packs the release and runs the play. */
async function play(hosts: Hosts, release: string): Promise<{ code: number; output: string }> {
  const archive = `${hosts.built}/app-${release}.tar.gz`
  await hosts.do('tar', '-C', `${hosts.built}/${release}`, '-czf', archive, '.')
  const variables = `-e release=${release} -e archive=${archive}`
  const line = `cd /opt/handover/examples/deploy/ansible && ansible-playbook playbook.yml ${variables}`
  return hosts.run('env', 'LC_ALL=C.UTF-8', 'sh', '-c', line)
}

const stateOf = async (hosts: Hosts) =>
  Promise.all(hosts.names.map(async (host) => [await hosts.currentOf(host), await hosts.generationOf(host)]))

test('the play deploys a release to one host after the other, and no request fails', async () => {
  const hosts = await startHosts(2)
  hosts.build('2')
  const load = await hosts.load()
  const { code, output } = await play(hosts, '2')
  expect({ code, output }).toMatchObject({ code: 0 })
  const results = await load.finish()
  expect(results.map(({ failures }) => failures)).toEqual([[], []])
  expect(await stateOf(hosts)).toEqual([
    ['releases/2', 2],
    ['releases/2', 2],
  ])
})

const unhealthy = `import { Server } from 'node:http'
  const { emit } = Server.prototype
  Server.prototype.emit = function (event, request, response, ...more) {
    if (event !== 'request' || request.url !== '/healthz') return emit.call(this, event, request, response, ...more)
    response.writeHead(503).end()
    return true
  }`

test.each([
  { release: 'does not start', code: "throw new Error('no database')", reason: 'no database', generation: 1 },
  { release: 'is not healthy', code: unhealthy, reason: 'HTTP Error 503', generation: 3 },
])('the play stops before the second host when a release $release', async ({ code, reason, generation }) => {
  const hosts = await startHosts(2)
  hosts.build('2', code)
  const load = await hosts.load()
  const played = await play(hosts, '2')
  expect(played).toMatchObject({ code: 2, output: expect.stringContaining(`release 2 failed: `) })
  expect(played.output).toContain(reason)
  const results = await load.finish()
  expect(results.map(({ failures }) => failures)).toEqual([[], []])
  expect(await stateOf(hosts)).toEqual([
    ['releases/1', generation],
    ['releases/1', 1],
  ])
  expect(await hosts.ssh('app-2', 'ls /srv/app/releases')).toBe('1')
})
