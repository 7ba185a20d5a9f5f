// Reloads between all pairs of supported versions of Node. tools/nodes.mjs installs them.
import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RawConnection, TcpTarget } from '@handover/load'
import { expect, test } from 'vitest'
import { EventStream } from '../support/events.js'
import { ask, connect, givenBy } from '../support/http.js'
import { release, requestReload, startRelease } from '../support/release.js'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import { rollWorkers, startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { type TlsVersion, visit } from '../support/tls-session.js'
import { until } from '../support/until.js'
import { Conversation } from '../support/websockets.js'
import { whoServes } from '../support/who.js'

const versions = ['20.19.0', '22', '24', '26'] as const
type Version = (typeof versions)[number]

const installer = fileURLToPath(new URL('../../tools/nodes.mjs', import.meta.url))
const paths = execFileSync(process.execPath, [installer, ...versions], { encoding: 'utf8' }).split('\n')
const nodeOf = (version: Version) => paths[versions.indexOf(version)] as string

const pairs = versions.flatMap((from) =>
  versions.filter((to) => to !== from).map((to) => [from, to] as const),
)
/** The service starts with the last version, and each reload moves it to the next one. The reloads cover all pairs. */
const tour: readonly Version[] = [
  ...(['22', '20.19.0', '24', '20.19.0', '26', '22'] as const),
  ...(['24', '22', '26', '24', '26', '20.19.0'] as const),
]

const config = { graceful: { probationMs: 50 }, everyMs: 10 }
const tlsVersions: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3']

/** Clients of each kind, which stay connected through all reloads. */
class Clients {
  readonly #service: Service
  readonly #connections: RawConnection[] = []
  readonly #websockets: Conversation[] = []
  readonly #streams: EventStream[] = []
  readonly #sessions = new Map<TlsVersion, Buffer>()
  /** How often the service has been asked for each path. */
  readonly #visits = new Map<string, number>()

  private constructor(service: Service) {
    this.#service = service
  }

  static async open(service: Service): Promise<Clients> {
    const clients = new Clients(service)
    for (let i = 0; i < 4; i++) {
      clients.#connections.push(await connect(service.target))
      clients.#websockets.push(await Conversation.open(service.target))
      clients.#streams.push(await EventStream.open(service.target))
    }
    for (const websocket of clients.#websockets) websocket.talk(5)
    for (const version of tlsVersions) await clients.#visit(version)
    return clients
  }

  /** Expects that this generation, on this version of Node, has all connections, the state and the TLS sessions. */
  async expectContinued(generation: number, version: Version): Promise<void> {
    const { drain } = (await finalReports(this.#service, generation - 1))[generation - 2] ?? {}
    expect(drain).toMatchObject({ moved: 12, lost: 0, cut: [] })
    for (const connection of this.#connections) await this.#expectState(connection, generation, version)
    for (const websocket of this.#websockets) expect(await websocket.who()).toBe(generation)
    await until(`generation ${generation} continues each stream`, () =>
      this.#streams.every(({ events }) => events.at(-1)?.data === String(generation)),
    )
    for (const each of tlsVersions) expect(await this.#visit(each), each).toBe(true)
  }

  /** Expects that no message was lost, duplicated or out of order, and closes the clients. */
  async conclude(): Promise<void> {
    for (const websocket of this.#websockets) {
      await websocket.conclude()
      expect(websocket.faults).toEqual([])
      websocket.close()
    }
    for (const stream of this.#streams) {
      expect(stream.gaps).toEqual([])
      stream.close()
    }
  }

  async #expectState(connection: RawConnection, generation: number, version: Version): Promise<void> {
    this.#count('/visit')
    const response = await ask(connection, '/visit')
    expect(givenBy(response).generation).toBe(generation)
    const state = JSON.parse(response.text)
    expect(state.node).toMatch(`v${version}`)
    expect(state).toMatchObject({ since: '1970-01-01T00:00:00.000Z', bytes: 'é', by: [...this.#visits] })
    const total = [...this.#visits.values()].reduce((sum, each) => sum + each, 0)
    expect(state.count).toBe(String(total))
  }

  /** Sends a request on a new TLS connection. Resolves with whether the server resumed the session. */
  async #visit(version: TlsVersion): Promise<boolean> {
    this.#count('/state')
    const secure = this.#service.targets[1] as TcpTarget
    const { resumed, session } = await visit(secure, version, this.#sessions.get(version))
    if (!this.#sessions.has(version)) this.#sessions.set(version, session)
    return resumed
  }

  #count(path: string): void {
    this.#visits.set(path, (this.#visits.get(path) ?? 0) + 1)
  }
}

test.each(pairs)('a reload from Node %s to Node %s keeps connections and state', async (from, to) => {
  const graceful = { ...config.graceful, successor: { execPath: nodeOf(to) } }
  const service = await startService('all-kinds.mjs', { node: nodeOf(from), config: { ...config, graceful } })
  const clients = await Clients.open(service)
  await service.reload()
  await clients.expectContinued(2, to)
  await clients.conclude()
})

test('C50: a state with a type that an older Node lacks fails the reload, not the service', async () => {
  const graceful = { ...config.graceful, successor: { execPath: nodeOf('22') } }
  const { service } = await startRelease({
    node: nodeOf('26'),
    config: { graceful },
    text: release({
      beforeListen: 'await handle.inheritedState(); handle.provideState(() => new Float16Array(2))',
    }),
  })
  expect(await requestReload(service.target)).toMatchObject({ report: { outcome: 'failed' } })
  expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
})

test('the tour covers all pairs', () => {
  const covered = tour.map((to, i) => [tour.at(i - 1), to])
  expect(covered.sort()).toEqual([...pairs].sort())
})

test.each(versions)(
  'handover run on Node %s keeps connections and state when each release brings its own Node',
  async (supervisor) => {
    const root = tempDir()
    const deploy = (release: number, version: Version) => {
      const bin = join(root, String(release), 'bin')
      mkdirSync(bin, { recursive: true })
      symlinkSync(nodeOf(version), join(bin, 'node'))
      symlinkSync(String(release), join(root, 'next'))
      renameSync(join(root, 'next'), join(root, 'current'))
    }
    deploy(1, tour.at(-1) as Version)
    const run = ['--cwd', root, '--node', 'current/bin/node']
    const service = await startRun('all-kinds.mjs', { node: nodeOf(supervisor), run, command: [], config })
    const clients = await Clients.open(service)
    for (const [i, version] of tour.entries()) {
      deploy(i + 2, version)
      await rollWorkers(service)
      await clients.expectContinued(i + 2, version)
    }
    await clients.conclude()
  },
)
