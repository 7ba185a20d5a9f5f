import { expect, test } from 'vitest'
import { isReady } from '../support/generations.js'
import { inFlight } from '../support/http.js'
import { launchService, type Service } from '../support/service.js'

/**
 * A service whose standard input and standard error are a terminal; what it tells comes through a pipe. The
 * shell does `after` when the first generation has ended.
 */
async function inTerminal({ after = 'sleep 60' } = {}): Promise<{ service: Service; hangUp(): void }> {
  const service = launchService('http.mjs', {
    config: { graceful: { probationMs: 20, lingerMs: 100 } },
    shell: `exec 5>&1
      export NODE="$0" PROGRAM="$1" CONFIG="$2"
      exec script --quiet --command '"$NODE" "$PROGRAM" "$CONFIG" >&5; ${after}' /dev/null >/dev/null;`,
    leftOvers: 'allowed',
  })
  await Promise.all([service.event('listening'), service.event(isReady)])
  // The terminal ends with the process that holds its other end.
  return { service, hangUp: () => service.signal('SIGKILL', service.pid) }
}

test('a terminal that is gone is a shutdown: what is in flight is answered, and nobody is started', async () => {
  const { service, hangUp } = await inTerminal()
  const { pid } = service.serving
  const { request: client, open } = await inFlight(service.target)
  hangUp()
  expect(await service.event(({ state }) => state === 'draining')).toMatchObject({ pid, because: 'shutdown' })
  open()
  expect((await client.response()).status).toBe(200)
  // What it says meanwhile, to nobody, does not end it.
  expect(await service.event('report')).toMatchObject({ pid, report: { drain: { cut: [] } } })
  await service.exitOf(pid)
  expect(service.facts.some(({ state }) => state === 'handing-over')).toBe(false)
})

test('a SIGHUP while the terminal is there is a reload, and the successor leaves when the terminal does', async () => {
  const { service, hangUp } = await inTerminal()
  const { from, to } = await service.reload()
  await service.exitOf(from.pid)
  const { to: next } = await service.reload()
  await service.exitOf(to.pid)
  hangUp()
  const draining = await service.event(({ state, pid }) => state === 'draining' && pid === next.pid)
  expect(draining.because).toBe('shutdown')
  await service.exitOf(next.pid)
})

test('a terminal whose shell leaves with the first generation is gone for the successor: it leaves too', async () => {
  const { service } = await inTerminal({ after: 'exit' })
  const { to } = await service.reload()
  const draining = await service.event(({ state, pid }) => state === 'draining' && pid === to.pid)
  expect(draining.because).toBe('shutdown')
  await service.exitOf(to.pid)
})
