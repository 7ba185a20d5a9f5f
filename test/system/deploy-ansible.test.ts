// The play of examples/deploy/ansible with Debian's ansible-core and two hosts, under load.
import { expect, test } from 'vitest'
import { type Hosts, type LoadOfHost, startHosts } from '../support/hosts.js'

/** Packs the release and runs the play. */
async function play(hosts: Hosts, release: string): Promise<{ code: number; output: string }> {
  const archive = `${hosts.built}/app-${release}.tar.gz`
  await hosts.do('tar', '-C', `${hosts.built}/${release}`, '-czf', archive, '.')
  const variables = `-e release=${release} -e archive=${archive}`
  const line = `cd /opt/handover/examples/deploy/ansible && ansible-playbook playbook.yml ${variables}`
  return hosts.run('env', 'LC_ALL=C.UTF-8', 'sh', '-c', line)
}

const unhealthy = `import { Server } from 'node:http'
  const { emit } = Server.prototype
  Server.prototype.emit = function (event, request, response, ...more) {
    if (event !== 'request' || request.url !== '/healthz') return emit.call(this, event, request, response, ...more)
    response.writeHead(503).end()
    return true
  }`

function expectNoFailure(results: readonly LoadOfHost[]): void {
  expect(results.map(({ failures }) => failures)).toEqual([[], []])
}

/** The link and the serving generation of each host. */
const stateOf = async (hosts: Hosts) =>
  Promise.all(hosts.names.map(async (host) => [await hosts.currentOf(host), await hosts.generationOf(host)]))

test('the play stops before the second host when a release does not start, and deploys a good one to both', async () => {
  const hosts = await startHosts(2)
  hosts.build('2', "throw new Error('no database')")
  hosts.build('3')
  const load = await hosts.load()
  const bad = await play(hosts, '2')
  expect(bad).toMatchObject({ code: 2, output: expect.stringMatching(/release 2 failed: .*no database/) })
  expect(await stateOf(hosts)).toEqual([
    ['releases/1', 1],
    ['releases/1', 1],
  ])
  expect(await hosts.ssh('app-2', 'ls /srv/app/releases')).toBe('1')
  expect(await play(hosts, '3')).toMatchObject({ code: 0 })
  expect(await stateOf(hosts)).toEqual([
    ['releases/3', 2],
    ['releases/3', 2],
  ])
  expectNoFailure(await load.finish())
})

test('the play rolls back a release that is not healthy, and stops before the second host', async () => {
  const hosts = await startHosts(2)
  hosts.build('2', unhealthy)
  const load = await hosts.load()
  const { code, output } = await play(hosts, '2')
  expect({ code, output }).toMatchObject({
    code: 2,
    output: expect.stringMatching(/release 2 failed: .*503/),
  })
  expect(await stateOf(hosts)).toEqual([
    ['releases/1', 3],
    ['releases/1', 1],
  ])
  expect(await hosts.ssh('app-2', 'ls /srv/app/releases')).toBe('1')
  expectNoFailure(await load.finish())
})
