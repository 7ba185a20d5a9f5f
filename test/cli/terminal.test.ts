// `handover run` in a terminal, which `script` of util-linux makes: Ctrl-C is typed, and the terminal may be gone.
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { isReady } from '../support/generations.js'
import { inFlight } from '../support/http.js'
import { launchService, type Service } from '../support/service.js'
import { handover } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'

/**
 * What the workers tell comes through a pipe; `type` types into the terminal. Ctrl-C reaches the shell in the terminal
 * too: a trap, which `run` does not inherit, makes it outlive that, whichever shell it is.
 */
async function inTerminal(): Promise<{ service: Service; type(keys: string): void }> {
  const fifo = join(tempDir(), 'keyboard')
  execFileSync('mkfifo', [fifo])
  const keyboard = openSync(fifo, 'r+')
  onTestFinished(() => closeSync(keyboard))
  const service = launchService('http.mjs', {
    shell: `exec 5>&1
      export NODE="$0" PROGRAM="$1" CONFIG="$2" SHELL=/bin/sh
      exec script --quiet --command 'trap : INT; "$NODE" ${handover} run --control ${fifo}.sock -- "$NODE" "$PROGRAM" "$CONFIG" >&5; echo "ended with $?" >&5' /dev/null >/dev/null <${fifo};`,
    leftOvers: 'allowed',
  })
  await Promise.all([service.event('listening'), service.event(isReady)])
  return { service, type: (keys) => void writeSync(keyboard, keys) }
}

const ctrlC = '\x03'

test('C54: Ctrl-C in a terminal, which tells every process, drains', async () => {
  const { service, type } = await inTerminal()
  const { request: connection, open } = await inFlight(service.target)
  type(ctrlC)
  await service.event(({ because }) => because === 'shutdown')
  open()
  expect((await connection.response()).text).toBe('ok')
  await service.line(/ended with 0/)
})

test('C54: Ctrl-C twice in a terminal cuts', async () => {
  const { service, type } = await inTerminal()
  const { request: connection } = await inFlight(service.target)
  type(ctrlC)
  await service.event(({ because }) => because === 'shutdown')
  type(ctrlC)
  await connection.closed
  await service.line(/ended with 1/)
})

test('C54: a terminal that is gone is a shutdown: what is in flight is answered', async () => {
  const { service } = await inTerminal()
  const { request: connection, open } = await inFlight(service.target)
  // The terminal ends with the process that holds its other end.
  service.signal('SIGKILL', service.pid)
  expect(await service.event(({ state }) => state === 'draining')).toMatchObject({ because: 'shutdown' })
  open()
  expect((await connection.response()).text).toBe('ok')
  expect(await service.event('report')).toMatchObject({ report: { drain: { cut: [] } } })
  for (const pid of service.processes()) await service.exitOf(pid)
  expect(service.facts.some(({ state }) => state === 'handing-over')).toBe(false)
})
