import { expect, test } from 'vitest'
import { ask, ControlSocket } from '../support/control.js'
import { startControlled } from '../support/controlled.js'
import { inFlight } from '../support/http.js'
import { until } from '../support/until.js'

test('C53: stop drains, returns the report and the exit code, and the connection closes when the process exits', async () => {
  const { path, service } = await startControlled()
  const { request, open } = await inFlight(service.target)
  const client = await ControlSocket.connect(path)
  client.send({ handover: 1, id: 1, request: 'stop' })
  await client.line(({ event, open }) => event === 'draining' && open === 1)
  open()
  expect((await request.response()).status).toBe(200)
  expect(await client.answer(1)).toMatchObject({
    ok: true,
    stop: {
      code: 0,
      reports: [
        { generation: 1, pid: service.pid, drain: { because: 'shutdown', open: 1, closed: 1, cut: [] } },
      ],
    },
  })
  await client.closed()
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})

test('C53: stop names each connection that was cut', async () => {
  const { path, service } = await startControlled({ drainTimeoutMs: 500 })
  await inFlight(service.target)
  expect(await ask(path, 'stop')).toMatchObject({
    stop: {
      code: 1,
      reports: [
        { drain: { timedOut: true, cut: [{ kind: 'http1', what: expect.stringMatching(/^GET \/held/) }] } },
      ],
    },
  })
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
})

test('C53: during a stop status shows what holds the drain, a reload is refused and a second stop joins the first', async () => {
  const { path, service } = await startControlled({ drainTimeoutMs: 60_000, shutdownDelayMs: 200 })
  const { open } = await inFlight(service.target)
  const client = await ControlSocket.connect(path)
  client.send({ handover: 1, id: 1, request: 'stop' })
  await client.line(({ msLeft }) => typeof msLeft === 'number')
  expect(await ask(path, 'status')).toMatchObject({
    status: {
      generations: [
        {
          state: 'draining',
          because: 'shutdown',
          activeWork: [{ what: expect.stringMatching(/^GET \/held/) }],
        },
      ],
    },
  })
  expect(await ask(path, 'reload')).toMatchObject({ ok: false, error: { code: 'ERR_HANDOVER_DRAINING' } })
  const second = ask(path, 'stop')
  await until('the second stop has joined', async () => (await ask(path, 'status')).ok === true)
  open()
  expect(await second).toMatchObject({ ok: true, stop: { code: 0 } })
  expect(await client.answer(1)).toMatchObject({ ok: true, stop: { code: 0 } })
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})

test('C53: stop ends a successor while its predecessor still drains', async () => {
  const { path, service } = await startControlled({ drainTimeoutMs: 60_000 })
  const { request, open } = await inFlight(service.target)
  expect(await ask(path, 'reload', { wait: false })).toMatchObject({ ok: true })
  expect(await ask(path, 'stop')).toMatchObject({ stop: { reports: [{ generation: 2 }] } })
  open()
  expect((await request.response()).status).toBe(200)
  await service.exitOf(service.pid)
})

test('C53: a client that reads slowly gets its answer before the process exits', async () => {
  const { path, service } = await startControlled()
  const client = await ControlSocket.connect(path)
  client.pause()
  // More than the kernel buffers, but less than the limit at which the service drops a client.
  for (let i = 0; i < 40; i++) {
    for (let id = 0; id < 10; id++) client.send({ handover: 1, id, request: 'status' })
    await ask(path, 'status')
  }
  client.send({ handover: 1, id: 'stop', request: 'stop' })
  await service.event(({ state }) => state === 'exited')
  client.resume()
  expect(await client.answer('stop')).toMatchObject({ ok: true, stop: { code: 0 } })
  await service.exitOf(service.pid)
})
