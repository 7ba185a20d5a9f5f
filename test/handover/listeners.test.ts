import { writeFileSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isProven, isReady } from '../support/generations.js'
import { launchProgram, startProgram } from '../support/program.js'
import { type Address, type Fact, type Service, startService, targetOf } from '../support/service.js'
import { descriptorOf, listener, listenersOf } from '../support/sockets.js'
import { tempDir } from '../support/temp-dir.js'
import { whoAnswers, whoServes, whoSpeaks } from '../support/who.js'

const quick = { probationMs: 20 }
const loopback = { port: 0, host: '127.0.0.1' }

test('C18: a server keeps its socket, whatever the form of listen and the spelling of the address', async () => {
  const folder = tempDir()
  const ports = join(folder, 'ports.json')
  const lent = await listener()
  const service = await startService('forms.mjs', {
    config: { folder, ports, graceful: quick },
    fds: [descriptorOf(lent)],
  })
  lent.close()
  const first = await service.event('listening')
  const forms = addressesIn(first, 'forms')
  const sockets = listenersOf(service.pid)
  expect(sockets).toHaveLength(Object.keys(forms).length)

  // Generation 1 listens on any port, generations 2 and 3 on the ports that generation 1 got.
  writeFileSync(ports, JSON.stringify(portsIn(forms)))
  for (const generation of [2, 3]) {
    const { to } = await service.reload()
    const told = await listeningFact(service, to.pid)
    expect(addressesIn(told, 'forms')).toEqual(forms)
    expect(told.called).toEqual(first.called)
    expect(listenersOf(to.pid)).toEqual(sockets)
    // An abstract name differs in the output: how Node prints it depends on its version.
    const { 'an abstract name': _, ...others } = forms
    expect(await each(others, (address) => whoSpeaks(targetOf(address)))).toEqual(
      await each(others, async () => ({ pid: to.pid, generation })),
    )
  }
})

test('C18: a server of each kind keeps its socket and keeps serving on it', async () => {
  const service = await startService('kinds.mjs', { config: { graceful: quick } })
  const first = await service.event('listening')
  const sockets = listenersOf(service.pid)
  const { to } = await service.reload()
  expect(addressesIn(await listeningFact(service, to.pid), 'kinds')).toEqual(addressesIn(first, 'kinds'))
  expect(listenersOf(to.pid)).toEqual(sockets)
  const answers = await each(addressesIn(first, 'kinds'), (address, kind) =>
    whoAnswers[kind]?.((address as AddressInfo).port),
  )
  expect(answers).toEqual(await each(answers, async () => to))
})

test('C18: a server that is not registered keeps its socket, too', async () => {
  const service = await startService('http.mjs', { config: { graceful: quick, metrics: true } })
  const sockets = listenersOf(service.pid)
  const { metrics } = await service.event('listening')
  const { to } = await service.reload()
  expect(await listeningFact(service, to.pid)).toMatchObject({ metrics })
  expect(listenersOf(to.pid)).toEqual(sockets)
})

test('C18: a server that retries until its address is free has one listener, and hands it over', async () => {
  const taken = await listener()
  const service = launchProgram(
    `import http from 'node:http'
    const server = http.createServer()
    tellOf(graceful(server, config.graceful))
    const { port } = config
    const listen = () => server.listen({ port, host: '127.0.0.1' })
    let tries = 1
    server.on('error', ({ code }) => {
      if (tries++ === 20) tell('tired', { code })
      setTimeout(listen, 1)
    })
    listen()`,
    { config: { graceful: quick, ...portOf(taken) } },
  )
  expect(await service.event('tired')).toMatchObject({ code: 'EADDRINUSE' })
  taken.close()
  await service.event(isReady)
  await service.reload()
  expect(service.output).not.toContain('Warning')
  expect(service.facts.filter(isProven(service.pid))).toHaveLength(1)
})

test('C18: the signal option of listen also closes an inherited server', async () => {
  const service = await startProgram(
    `import http from 'node:http'
    const server = http.createServer()
    tellOf(graceful(server, config.graceful))
    const leave = new AbortController()
    process.on('SIGUSR2', () => leave.abort())
    server.on('close', () => tell('closed'))
    server.listen({ port: 0, host: '127.0.0.1', signal: leave.signal })`,
    { config: { graceful: quick } },
  )
  const { to } = await service.reload()
  service.signal('SIGUSR2', to.pid)
  await service.event(({ event, pid }) => event === 'closed' && pid === to.pid)
})

test('C19: listeners on port 0 keep their own ports through two reloads', async () => {
  const service = await startService('http.mjs', {
    config: { graceful: quick, listen: [loopback, loopback, loopback] },
  })
  const { addresses } = await service.event('listening')
  expect(new Set(portsOf(addresses)).size).toBe(3)
  for (const _ of ['first', 'second']) {
    const { to } = await service.reload()
    expect((await listeningFact(service, to.pid)).addresses).toEqual(addresses)
    for (const address of addresses ?? []) expect(await whoServes(targetOf(address))).toEqual(to)
  }
})

test('C20: a listener that the successor does not use is closed when the successor is proven, and its port is free', async () => {
  const folder = tempDir()
  const release = join(folder, 'release')
  const service = await startService('http.mjs', {
    config: { graceful: quick, listen: [loopback, loopback], release },
  })
  const { addresses = [] } = await service.event('listening')
  const [kept, dropped] = portsOf(addresses)
  writeFileSync(release, JSON.stringify({ listen: [{ port: kept, host: '127.0.0.1' }] }))
  const { from, to } = await service.reload()
  await service.exitOf(from.pid)
  await service.event(isProven(to.pid))
  expect(await whoServes(targetOf(addresses[0]))).toEqual(to)
  await expect(whoServes(targetOf(addresses[1]))).rejects.toMatchObject({ kind: 'refused' })
  await listener({ port: dropped, host: '127.0.0.1' })
})

test('C20: a listener stays open if only a failed successor did not use it', async () => {
  const release = join(tempDir(), 'release')
  const service = await startService('http.mjs', {
    config: { graceful: { probationMs: 2_000 }, listen: [loopback, loopback], release },
  })
  const { addresses = [] } = await service.event('listening')
  const [kept] = portsOf(addresses)
  writeFileSync(release, JSON.stringify({ listen: [{ port: kept, host: '127.0.0.1' }], dieAfterReadyMs: 1 }))
  await expect(service.reload()).rejects.toThrow('ERR_HANDOVER_PROBATION')
  for (const address of addresses)
    expect(await whoServes(targetOf(address))).toEqual({ pid: service.pid, generation: 1 })
})

test('C20: a successor can still use a listener late in its probation', async () => {
  const service = await startProgram(
    `import http from 'node:http'
    const server = () => http.createServer((_request, response) => response.end(JSON.stringify({ pid: process.pid })))
    const first = server()
    const handle = graceful(first, config.graceful)
    handle.on('state', ({ onProbation }) => onProbation && late.listen(0, '127.0.0.1'))
    tellOf(handle)
    const late = server()
    late.on('listening', () => tell('late', { address: late.address() }))
    if (!handle.predecessor) late.listen(0, '127.0.0.1')
    first.listen(0, '::1')`,
    { config: { graceful: { probationMs: 500 } } },
  )
  const { address } = await service.event('late')
  const sockets = listenersOf(service.pid)
  const { to } = await service.reload()
  expect(await service.event(({ event, pid }) => event === 'late' && pid === to.pid)).toMatchObject({
    address,
  })
  expect(listenersOf(to.pid)).toEqual(sockets)
})

test('C20: a new listener works beside inherited ones, and the next reload hands it over', async () => {
  const release = join(tempDir(), 'release')
  const service = await startService('http.mjs', {
    config: { graceful: quick, listen: [loopback], release },
  })
  const { addresses: [inherited] = [] } = await service.event('listening')
  writeFileSync(release, JSON.stringify({ listen: [{ port: 0, host: '::1' }, loopback] }))
  let before: Fact | undefined
  for (const _ of ['first', 'second']) {
    const { to } = await service.reload()
    const told = await listeningFact(service, to.pid)
    expect(told.addresses).toEqual([before?.addresses?.[0] ?? expect.anything(), inherited])
    for (const address of told.addresses ?? []) expect(await whoServes(targetOf(address))).toEqual(to)
    before = told
  }
})

test('C20: a listener that the program has closed is not handed over', async () => {
  const service = await startProgram(
    `import http from 'node:http'
    const server = http.createServer()
    const other = http.createServer()
    const handle = graceful(server, config.graceful)
    tellOf(handle)
    process.on('SIGUSR2', () => other.close(() => tell('closed')))
    if (!handle.predecessor) other.listen(0, '127.0.0.1', () => server.listen(0, '127.0.0.1'))
    else server.listen(0, '127.0.0.1', () => tell('listening'))`,
    { config: { graceful: quick } },
  )
  const sockets = listenersOf(service.pid)
  service.signal('SIGUSR2')
  await service.event('closed')
  const left = listenersOf(service.pid)
  expect(left).toHaveLength(sockets.length - 1)
  const { to } = await service.reload()
  expect(listenersOf(to.pid)).toEqual(left)
})

const listeningFact = (service: Service, pid: number): Promise<Fact> =>
  service.event((fact) => fact.event === 'listening' && fact.pid === pid)

const addressesIn = (fact: Fact, detail: string): Record<string, Address> =>
  fact[detail] as Record<string, Address>

const portOf = (server: Server) => ({ port: (server.address() as AddressInfo).port })

const portsOf = (addresses: readonly Address[] | undefined): number[] =>
  (addresses ?? []).map((address) => (address as AddressInfo).port)

/** An object with the same names. Its values are the results of `ask`, or its errors as strings. */
async function each<T>(
  object: Record<string, T>,
  ask: (value: T, name: string) => Promise<unknown> | undefined,
): Promise<Record<string, unknown>> {
  const answers = Object.entries(object).map(async ([name, value]) => [
    name,
    await ask(value, name)?.catch(String),
  ])
  return Object.fromEntries(await Promise.all(answers))
}

const portsIn = (addresses: Record<string, Address>): Record<string, number | undefined> =>
  Object.fromEntries(
    Object.entries(addresses).map(([name, address]) => [name, (address as AddressInfo | null)?.port]),
  )
