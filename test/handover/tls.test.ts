import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TcpTarget } from '@handover/load'
import { describe, expect, test } from 'vitest'
import { askOnce, gate, givenBy, stateOf } from '../support/http.js'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'
import { type TlsVersion, visit } from '../support/tls-session.js'
import { until } from '../support/until.js'

const graceful = { probationMs: 50 }
const fixture = (name: string) => new URL(`../fixtures/${name}`, import.meta.url).href
const target = (service: Service) => ({ ...(service.target as TcpTarget), tls: true })

/** Resumes a session of the first generation in the next two generations. */
async function expectResumption(service: Service, version: TlsVersion): Promise<void> {
  const { session, resumed } = await visit(target(service), version)
  expect(resumed).toBe(false)
  for (let reloads = 1; reloads <= 2; reloads++) {
    const { to } = await service.reload()
    const again = await visit(target(service), version, session)
    expect([again.resumed, again.pid], `after ${reloads} reloads`).toEqual([true, to.pid])
  }
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', (version) => {
  test('C42: a session from before a reload is resumed afterwards', async () => {
    const service = await startService('http.mjs', { config: { tls: true, graceful } })
    await expectResumption(service, version)
  })

  test('C42: a session of a server that also speaks HTTP/2 is resumed', async () => {
    const service = await startService('http2.mjs', { config: { tls: true, allowHTTP1: true, graceful } })
    await expectResumption(service, version)
  })

  test('C42: a session is resumed even if the successor starts by another path, through the link to its release', async () => {
    const folder = tempDir()
    const release = join(folder, 'release-1')
    mkdirSync(release)
    writeFileSync(join(release, 'server.mjs'), `import '${fixture('http.mjs')}'\n`)
    symlinkSync(release, join(folder, 'current'))
    const service = await startService(join(release, 'server.mjs'), {
      config: { tls: true, graceful },
      shell: `cd ${folder}/current && shift && set -- server.mjs "$@" &&`,
    })
    await expectResumption(service, version)
  })
})

test.each([
  { what: 'session id context', https: { sessionIdContext: 'another' } },
  { what: 'ticket keys', https: { ticketKeys: { type: 'Buffer', data: [...randomBytes(48)] } } },
])('C42: if a release sets its own $what, sessions from before are not resumed', async ({ https }) => {
  const keys = keysIn(tempDir())
  const another = JSON.stringify({ tls: true, keys, https, graceful })
  const successor = { args: [fileURLToPath(fixture('tickets.mjs')), another] }
  const config = { tls: true, keys, graceful: { ...graceful, successor } }
  const service = await startService('tickets.mjs', { config })
  const { session } = await visit(target(service), 'TLSv1.3')
  const { to } = await service.reload()
  expect(await visit(target(service), 'TLSv1.3', session)).toMatchObject({ resumed: false, pid: to.pid })
})

test('C42: requests in flight get responses that announce the close', async () => {
  const service = await startService('http.mjs', { config: { tls: true, graceful } })
  const held = gate()
  const answer = askOnce(target(service), held.path)
  await until(
    'the request is in flight',
    async () => (await stateOf(target(service))).connections.inFlight === 2,
  )
  const { from } = await service.reload()
  held.open()
  const response = await answer
  expect([response.text, response.headers.get('connection')]).toEqual(['ok', 'close'])
  expect(givenBy(response).pid).toBe(from.pid)
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ cut: [] })
})

test('C42: session ticket keys do not reach the successor through files, the environment or logs', async () => {
  const [keys, empty] = [keysIn(tempDir()), tempDir()]
  const service = await startService('tickets.mjs', {
    config: { tls: true, keys, graceful },
    cwd: empty,
    env: { TMPDIR: empty, NODE_DEBUG: 'handover' },
  })
  await expectResumption(service, 'TLSv1.3')
  const bytes = readFileSync(keys)
  const seen = [service.output, ...service.processes().map(environmentOf)]
  for (const text of spellings(bytes)) expect(seen.join('\n').includes(text), text).toBe(false)
  expect(readdirSync(empty)).toEqual([])
})

/** Returns an empty string if the process has ended meanwhile. */
function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1')
  } catch {
    return ''
  }
}

/** Writes new keys to a file in the folder. */
function keysIn(folder: string): string {
  const path = join(folder, 'keys')
  writeFileSync(path, randomBytes(48))
  return path
}

/** A key name and two keys, 16 bytes each, in all forms in which they could appear in a text. */
function spellings(keys: Buffer): string[] {
  return [0, 16, 32].flatMap((start) => {
    const part = keys.subarray(start, start + 16)
    const inBase64 = [0, 1, 2].map((shift) => part.subarray(shift).toString('base64').slice(0, 16))
    return [part.toString('hex'), part.toString('latin1'), [...part].join(','), ...inBase64]
  })
}
