import { expect, test } from 'vitest'
import { isReady } from '../support/generations.js'
import { inFlight } from '../support/http.js'
import { launchService, type Service } from '../support/service.js'

/**
 * A service whose standard input and standard error are a terminal, and whose events come through a pipe. The
 * shell runs `after` when the first generation has ended.
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
  // The terminal goes away with the process that holds its other end.
  return { service, hangUp: () => service.signal('SIGKILL', service.pid) }
}

test('losing the terminal causes a shutdown: requests in flight get responses, and no successor starts', async () => {
  const { service, hangUp } = await inTerminal()
  const { pid } = service.serving
  const { request: client, open } = await inFlight(service.target)
  hangUp()
  expect(await service.event(({ state }) => state === 'draining')).toMatchObject({ pid, because: 'shutdown' })
  open()
  expect((await client.response()).status).toBe(200)
  // Writing to the lost terminal does not end the process.
  expect(await service.event('report')).toMatchObject({ pid, report: { drain: { cut: [] } } })
  await service.exitOf(pid)
  expect(service.facts.some(({ state }) => state === 'handing-over')).toBe(false)
})

test('a SIGHUP while the terminal exists causes a reload, and the successor shuts down when the terminal goes away', async () => {
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

test('if the shell exits with the first generation, the successor loses the terminal and shuts down', async () => {
  const { service } = await inTerminal({ after: 'exit' })
  const { to } = await service.reload()
  const draining = await service.event(({ state, pid }) => state === 'draining' && pid === to.pid)
  expect(draining.because).toBe('shutdown')
  await service.exitOf(to.pid)
})
