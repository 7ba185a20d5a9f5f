// examples/deploy/push.sh and deploy.sh: releases reach hosts over rsync and ssh, with the real programs.
import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Hosts, type RemoteCommand, startHosts } from '../support/hosts.js'
import { until } from '../support/until.js'

const push = '/opt/handover/examples/deploy/push.sh'
const failing = "throw new Error('no database')"
/** The release starts when the file `go` exists. */
const waiting = `import { existsSync } from 'node:fs'
  import { setTimeout as pause } from 'node:timers/promises'
  while (!existsSync('/srv/app/go')) await pause(10)`

const ofHosts = <T>({ names }: Hosts, read: (host: string) => Promise<T>) => Promise.all(names.map(read))

test('rsync and ssh deploy a release to each host in turn, and no request fails', async () => {
  const hosts = await startHosts(2)
  const load = await hosts.load()
  hosts.build('2')
  await hosts.do(push, `${hosts.built}/2`, '2', 'app@app-1', 'app@app-2')
  const results = await load.finish()
  expect(results.map(({ failures }) => failures)).toEqual([[], []])
  expect(results.map(({ servedBy }) => servedBy)).toEqual([
    [1, 2],
    [1, 2],
  ])
  expect(await ofHosts(hosts, (host) => hosts.currentOf(host))).toEqual(['releases/2', 'releases/2'])
})

test('a release that fails on one host reaches no other, and the deploying machine gets code and reason', async () => {
  const hosts = await startHosts(2)
  hosts.build('2', failing)
  const load = await hosts.load()
  const { code, output } = await hosts.run(push, `${hosts.built}/2`, '2', 'app@app-1', 'app@app-2')
  expect({ code, output }).toMatchObject({ code: 1, output: expect.stringContaining('no database') })
  const results = await load.finish()
  expect(results.map(({ failures }) => failures)).toEqual([[], []])
  expect(results.map(({ servedBy }) => servedBy)).toEqual([[1], [1]])
  expect(await ofHosts(hosts, (host) => hosts.currentOf(host))).toEqual(['releases/1', 'releases/1'])
  expect(await hosts.ssh('app-2', 'ls /srv/app/releases')).toBe('1')
})

/** Kills the ssh client of the command. */
async function loseConnection(hosts: Hosts, command: RemoteCommand): Promise<void> {
  for (const pid of command.pids) process.kill(pid, 'SIGKILL')
  await command.ended
  await until('sshd notices', () =>
    /Connection closed by 10\.0\.1\.1|Connection reset/.test(hosts.log('app-1')),
  )
}

test.each([
  ['-T', 'succeeds', '', { link: 'releases/2', generation: 2 }],
  ['-tt', 'fails', failing, { link: 'releases/1', generation: 1 }],
])(
  'after the connection of ssh %s is lost, a deploy that %s completes',
  async (terminal, _, code, expected) => {
    const hosts = await startHosts(1)
    hosts.build('2', `${waiting}\n${code}`)
    await hosts.upload('app-1', '2')
    const deploy = hosts.command('ssh', terminal, 'app@app-1', '/srv/app/deploy.sh 2')
    await deploy.printed(/is starting/)
    await loseConnection(hosts, deploy)
    expect(await hosts.run('ssh', 'app@app-1', '/srv/app/deploy.sh 2')).toMatchObject({ code: 5 })
    writeFileSync(hosts.path('app-1', 'go'), '')
    // The lock is free when the script has ended.
    await hosts.ssh('app-1', 'flock /srv/app/deploy.lock true')
    expect(await hosts.currentOf('app-1')).toBe(expected.link)
    expect(await hosts.generationOf('app-1')).toBe(expected.generation)
  },
)
