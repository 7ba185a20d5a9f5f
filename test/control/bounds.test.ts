// Output for operators truncates and escapes text from clients of a service.
import { expect, test } from 'vitest'
import { cli } from '../support/cli.js'
import { ask } from '../support/control.js'
import { startControlled } from '../support/controlled.js'
import { connect, gate, get } from '../support/http.js'
import { programFile } from '../support/program.js'
import { until } from '../support/until.js'

/** A program that decodes URLs, as a middleware may do, and never answers a request. */
const decoding = `import http from 'node:http'
const server = http.createServer((request) => {
  request.url = decodeURIComponent(request.url)
})
const handle = graceful(server, config.graceful)
tellOf(handle)
server.listen(0, '127.0.0.1', () => tell('listening', { addresses: [server.address()] }))`

interface Status {
  readonly generations: readonly {
    readonly connections: { readonly inFlight: number }
    readonly activeWork: readonly { readonly what: string }[]
  }[]
}

async function activeWork(path: string, requests: number): Promise<string[]> {
  let status: Status | undefined
  await until(`${requests} requests are in flight`, async () => {
    status = (await ask(path, 'status')).status as Status
    return status.generations[0]?.connections.inFlight === requests
  })
  return status?.generations[0]?.activeWork.map(({ what }) => what) ?? []
}

test('C70: 120 cut requests with URLs of 15,000 characters produce bounded names, and status works afterward', async () => {
  const { path, service } = await startControlled({ drainTimeoutMs: 300 }, {}, programFile(decoding))
  const long = `/${'a'.repeat(7_500)}?token=SECRET${'b'.repeat(7_000)}`
  for (let i = 0; i < 120; i++) await (await connect(service.target)).write(get(long))
  const told = `GET /${'a'.repeat(199)}… (7301 more characters)`
  expect(await activeWork(path, 120)).toEqual(Array(10).fill(told))
  const answer = JSON.stringify(await ask(path, 'reload'))
  const { reports } = JSON.parse(answer).reload
  expect(reports[0].drain.kinds.http1.cut).toBe(120)
  expect(reports[0].drain.cut.map(({ what }: { what: string }) => what)).toEqual(Array(100).fill(told))
  const status = await cli(['status', '--control', path])
  expect(status).toMatchObject({ code: 0, stderr: '' })
  expect(status.stdout).toMatch(/last reload: handed over .* 120 cut\n$/)
  await service.line(/drain timed out: 120 connections cut/)
  await service.exitOf(service.pid)
  for (const text of [answer, service.output, status.stdout]) expect(text).not.toContain('SECRET')
  for (const line of service.output.split('\n').filter((each) => each.startsWith('handover[')))
    expect(line.length).toBeLessThan(4_000)
})

test('C74: control characters in a URL are escaped in reports and in the log', async () => {
  const { path, service } = await startControlled({ drainTimeoutMs: 300 }, {}, programFile(decoding))
  const evil = encodeURIComponent('/\u001b[2J\nhandover[1] all is well\u009b31m\u202e\u2028')
  await (await connect(service.target)).write(get(`/${evil}`))
  const told = 'GET //\\u001b[2J\\u000ahandover[1] all is well\\u009b31m\\u202e\\u2028'
  expect(await activeWork(path, 1)).toEqual([told])
  const status = await cli(['status', '--control', path])
  expect(status.stdout).toContain(`busy with ${told} (http1`)
  service.signal('SIGTERM')
  expect(await service.line(/drain timed out/)).toContain(told)
  await service.exitOf(service.pid)
})

test('C70: the name of a request to a mounted Express router is the URL that the client sent', async () => {
  const { path, service } = await startControlled({}, {}, 'express.mjs')
  const held = gate()
  const request = await connect(service.target)
  await request.write(get(`/api${held.path}`))
  expect(await activeWork(path, 1)).toEqual(['GET /api/held'])
  held.open()
  await request.response()
})
