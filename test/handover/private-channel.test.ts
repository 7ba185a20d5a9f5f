// Handover hides the channel between two generations from the program, so `process` behaves as without Handover.
import { fork } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import { isHandedOver, isReady } from '../support/generations.js'
import { get, givenBy, inFlight } from '../support/http.js'
import { programFile, startProgram } from '../support/program.js'
import { privateChannel, release, startRelease } from '../support/release.js'
import { finalReports } from '../support/reports.js'
import { callAll, openConnections } from '../support/resting.js'
import { type Fact, testNode } from '../support/service.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

const quick = { probationMs: 50 }

/** Reports everything that the program can see of a channel. */
const watches = `
  const listeners = ['message', 'disconnect', 'internalMessage'].map((each) => process.listenerCount(each))
  const { send, connected, channel, disconnect } = process
  tell('sees', { listeners, types: [send, connected, channel, disconnect].map((each) => typeof each), env: Object.keys(process.env).filter((each) => /CHANNEL|HANDOVER_I/.test(each)) })
  process.on('message', (message) => tell('message', { message }))
  process.on('disconnect', () => { tell('disconnected'); process.exit() })
`

test('C59: a program that exits on disconnect survives its predecessor and sees no message of Handover', async () => {
  const { service } = await startRelease({ config: { graceful: quick }, text: release({ first: watches }) })
  for (const generation of [2, 3]) {
    await service.reload()
    const before = service.facts.findLast(isHandedOver)?.pid as number
    await service.exitOf(before)
    expect(await whoServes(service.target)).toMatchObject({ generation })
  }
  const seen = service.facts
    .filter(({ event }) => event === 'sees')
    .map(({ listeners, types, env }) => ({ listeners, types, env }))
  expect(seen).toEqual([seen[0], seen[0], seen[0]])
  expect(seen[0]).toMatchObject({ types: Array(4).fill('undefined'), env: [] })
  expect(service.facts.filter(({ event }) => /^(message|disconnected)$/.test(event))).toEqual([])
})

test('C59: a forked program finds the channel to its manager closed in a successor, and keeps running', async () => {
  const path = programFile(`
    import http from 'node:http'
    const sent = process.send('started', (error) => tell('sent', { code: error?.code }))
    tell('sends', { sent, connected: process.connected })
    process.on('disconnect', () => process.exit())
    const server = http.createServer((request, response) => response.end())
    tellOf(graceful(server, config.graceful))
    server.listen(0, '127.0.0.1')
  `)
  const child = fork(path, [JSON.stringify({ graceful: quick })], {
    execPath: testNode,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const facts: Fact[] = []
  let rest = ''
  const told = (isIt: (fact: Fact) => boolean) =>
    new Promise<Fact>((resolve) => {
      const look = () => {
        const found = facts.find(isIt)
        if (found) resolve(found)
        else child.stdout?.once('data', () => setImmediate(look))
      }
      look()
    })
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    facts.push(...lines.map((line) => JSON.parse(line) as Fact))
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const messages: unknown[] = []
  child.on('message', (message) => messages.push(message))
  await told((fact) => isReady(fact))
  child.kill('SIGHUP')
  const { pid } = await told((fact) => isReady(fact) && fact.generation === 2 && !fact.onProbation)
  onTestFinished(() => {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {}
  })
  await told(({ event, pid: of }) => event === 'sent' && of === pid)
  const ofSuccessor = facts.filter((fact) => fact.pid === pid && /^sen(ds|t)$/.test(fact.event))
  expect(ofSuccessor).toMatchObject([{ sent: false, connected: false }, { code: 'ERR_IPC_CHANNEL_CLOSED' }])
  expect(messages).toEqual(['started'])
})

test('a program that disconnects from its parent right after it is ready loses no idle connection', async () => {
  const count = 50
  const text = release({ beforeListen: 'server.keepAliveTimeout = 60_000' })
  const { service, deploy } = await startRelease({ config: { graceful: quick }, text })
  deploy(
    release({
      beforeListen: `
        handle.on('state', ({ state }) => state === 'ready' && process.disconnect?.())
      `,
    }),
  )
  const connections = await openConnections(service.target, count)
  await callAll(connections)
  await service.reload()
  await finalReports(service, 1)
  expect(await callAll(connections)).toEqual({ servedBy: new Map([[2, count]]), failures: [] })
  for (const connection of connections) connection.close()
})

test('a successor that closes its channel after the takeover leaves connections in flight to its predecessor', async () => {
  const { service, deploy } = await startRelease({
    config: { graceful: { ...quick, drainTimeoutMs: 60_000 } },
  })
  deploy(
    release({
      beforeListen: `process.on('SIGUSR2', () => { ${privateChannel}.disconnect(); tell('alone') })`,
    }),
  )
  const { request, open } = await inFlight(service.target)
  await service.reload()
  service.signal('SIGUSR2', service.serving.pid)
  await service.event('alone')
  open()
  // The predecessor reads again, and announces the close once it knows that the successor keeps running. On a slow
  // machine, it knows that when it answers the request in flight.
  let answer = await request.response()
  await until('the response announces the close', async () => {
    expect(givenBy(answer).generation).toBe(1)
    if (!answer.keepAlive) return true
    request.write(get('/'))
    answer = await request.response()
    return false
  })
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ cut: [], timedOut: false, lost: 0 })
})

test('a process starts without its own channel if the program requests none', async () => {
  const service = await startProgram(
    `import { execFileSync } from 'node:child_process'
    tell('seen', { fds: execFileSync('ls', ['/proc/self/fd'], { encoding: 'utf8' }).trim().split('\\n') })
    tellOf(graceful(config.graceful))
    setInterval(() => {}, 60_000)`,
    { config: { graceful: quick } },
  )
  await service.reload()
  const [first, second] = service.facts.filter(({ event }) => event === 'seen')
  expect(second?.fds).toEqual(first?.fds)
})
