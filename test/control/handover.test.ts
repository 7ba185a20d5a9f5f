import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ask, ControlSocket, type Line } from '../support/control.js'
import { startControlled } from '../support/controlled.js'
import { inFlight, stateOf } from '../support/http.js'
import { descriptorsOf } from '../support/processes.js'
import { startProgram } from '../support/program.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

async function connect(path: string): Promise<ControlSocket> {
  const client = await ControlSocket.connect(path)
  onTestFinished(() => client.close())
  return client
}

/** Whether the first generation of a status, which is the serving one, has this number. */
const servedBy =
  (generation: number) =>
  ({ status }: Line): boolean =>
    (status as { generations: { generation: number }[] } | undefined)?.generations[0]?.generation ===
    generation

test('C53: a watching client keeps its connection through three reloads', async () => {
  const { path, service } = await startControlled()
  const client = await connect(path)
  client.send({ handover: 1, id: 'w', request: 'watch' })
  for (const generation of [2, 3, 4]) {
    await service.reload()
    await client.line(servedBy(generation))
  }
  expect(client.isClosed).toBe(false)
  expect(client.lines.every(({ id, event }) => id === 'w' && event === 'status')).toBe(true)
})

test('C53: a watching client sees a failed reload and continues to watch', async () => {
  const { path, service, next } = await startControlled()
  const client = await connect(path)
  client.send({ handover: 1, id: 1, request: 'watch' })
  next({ exit: 5 })
  await expect(service.reload()).rejects.toThrow('the reload failed')
  await client.line(
    ({ status }) => (status as { lastReload?: { outcome: string } }).lastReload?.outcome === 'failed',
  )
  next({})
  await service.reload()
  await client.line(servedBy(2))
})

test('C53: a client that has sent half of a request can send the other half to the successor', async () => {
  const { path, service } = await startControlled()
  const client = await connect(path)
  const request = JSON.stringify({ handover: 1, id: 'half', request: 'status' })
  client.write(request.slice(0, 20))
  // The service reads this half before it answers a request on a later connection.
  await ask(path, 'status')
  const { from } = await service.reload()
  await service.exitOf(from.pid)
  client.write(`${request.slice(20)}\n`)
  expect(await client.answer('half')).toSatisfy(servedBy(2))
})

test('C53: connection counts and drains ignore clients of the control socket', async () => {
  const { path, service } = await startControlled({ drainTimeoutMs: 60_000 })
  for (let i = 0; i < 5; i++) {
    const client = await connect(path)
    if (i < 3) client.send({ handover: 1, id: 1, request: 'watch' })
    if (i < 3) await client.line(servedBy(1))
  }
  expect((await stateOf(service.target)).connections.total).toBe(1)
  const answer = (await ask(path, 'reload')) as { reload?: { reports: { drain: { ms: number } }[] } }
  expect(answer.reload?.reports[0]?.drain).toMatchObject({ closed: 0, moved: 0, cut: [] })
  await service.exitOf(service.pid)
  const { pid } = await stateOf(service.target)
  service.signal('SIGTERM', pid)
  expect(await service.exitOf(pid, 10_000)).toMatchObject({ pid })
})

test('C53: a client that waits for a reload stays connected to the predecessor until it has drained', async () => {
  const { path, service } = await startControlled({ drainTimeoutMs: 60_000 })
  const { open } = await inFlight(service.target)
  const client = await connect(path)
  client.send({ handover: 1, id: 1, request: 'reload' })
  client.send({ handover: 1, id: 2, request: 'watch' })
  await client.line(({ event }) => event === 'draining')
  expect(await ask(path, 'status')).toSatisfy(servedBy(2))
  expect(client.isClosed).toBe(false)
  open()
  expect(await client.answer(1)).toMatchObject({ ok: true, reload: { reports: [{ drain: { cut: [] } }] } })
  await client.closed()
})

test('C53: the control socket does not keep a program running that has nothing else to do', async () => {
  const folder = tempDir()
  const control = `${folder}/control.sock`
  const end = join(tempDir(), 'end')
  const service = await startProgram(
    `import { existsSync } from 'node:fs'
    const handle = graceful(config.graceful)
    tellOf(handle)
    const timer = setInterval(() => {
      if (!existsSync(config.end)) return
      clearInterval(timer)
      tell('over')
    }, 10)`,
    { config: { graceful: { control }, end } },
  )
  await until('the socket exists', () => readdirSync(folder).includes('control.sock'))
  const client = await connect(control)
  writeFileSync(end, '')
  await service.event('over')
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
  await client.closed()
})

test('C53: a program whose only listener is the control socket reloads and stops through it', async () => {
  const folder = tempDir()
  const control = `${folder}/control.sock`
  const service = await startProgram(
    `tellOf(graceful(config.graceful))
    setInterval(() => {}, 1_000)`,
    { config: { graceful: { control, probationMs: 50 } } },
  )
  await until('the socket exists', () => readdirSync(folder).includes('control.sock'))
  expect(await ask(control, 'reload')).toMatchObject({ ok: true })
  expect(await ask(control, 'stop')).toMatchObject({ ok: true, stop: { reports: [{ generation: 2 }] } })
  await service.exitOf(service.pid)
})

test('C53: a predecessor exits after its control clients have moved, even if the successor is busy', async () => {
  const folder = tempDir()
  const path = `${folder}/control.sock`
  const service = await startProgram(
    `const handle = graceful({ control: '${path}', probationMs: 50 })
    tellOf(handle)
    setInterval(() => {}, 1_000)
    const busy = () => { for (const until = Date.now() + 500; Date.now() < until; ); }
    handle.on('state', ({ state, onProbation }) => {
      if (handle.generation > 1 && state === 'ready' && !onProbation) setImmediate(busy)
    })`,
  )
  await until('the socket exists', () => readdirSync(folder).includes('control.sock'))
  const clients = await Promise.all([1, 2, 3, 4].map(() => connect(path)))
  for (const client of clients) client.send({ handover: 1, id: 1, request: 'watch' })
  await Promise.all(clients.map((client) => client.line(servedBy(1))))
  await service.reload()
  await service.exitOf(service.pid)
  await Promise.all(clients.map((client) => client.line(servedBy(2))))
})

test('C53: twelve reloads with watching clients leave no descriptor behind', async () => {
  const { path, service } = await startControlled()
  const clients = await Promise.all([1, 2, 3].map(() => connect(path)))
  for (const client of clients) client.send({ handover: 1, id: 1, request: 'watch' })
  const counts: number[] = []
  let last = service.pid
  for (let generation = 2; generation <= 13; generation++) {
    const { from, to } = await service.reload()
    await service.exitOf(from.pid)
    await Promise.all(clients.map((client) => client.line(servedBy(generation))))
    counts.push(descriptorsOf(to.pid).length)
    last = to.pid
  }
  // A count may still include the channel to a predecessor that has just exited.
  await until('no descriptor is left', () => descriptorsOf(last).length <= (counts[1] ?? 0) + 1)
})
