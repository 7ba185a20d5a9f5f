// `handover run` in a pseudo-terminal of util-linux `script`: the tests type Ctrl-C and close the terminal.
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
 * Facts from the workers come through a pipe, and `type` types into the terminal. Ctrl-C also reaches the shell in the
 * terminal, which survives it through a trap that `run` does not inherit.
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

test('C54: Ctrl-C in a terminal, which signals every process, drains', async () => {
  const { service, type } = await inTerminal()
  const { request: connection, open } = await inFlight(service.target)
  type(ctrlC)
  await service.event(({ because }) => because === 'shutdown')
  open()
  expect((await connection.response()).text).toBe('ok')
  await service.line(/ended with 0/)
})

test('C54: a second Ctrl-C in a terminal cuts connections', async () => {
  const { service, type } = await inTerminal()
  const { request: connection } = await inFlight(service.target)
  type(ctrlC)
  await service.event(({ because }) => because === 'shutdown')
  type(ctrlC)
  await connection.closed
  await service.line(/ended with 1/)
})

test('C54: closing the terminal starts a shutdown that answers the in-flight request', async () => {
  const { service } = await inTerminal()
  const { request: connection, open } = await inFlight(service.target)
  // The terminal closes when the process that holds its other end exits.
  service.signal('SIGKILL', service.pid)
  expect(await service.event(({ state }) => state === 'draining')).toMatchObject({ because: 'shutdown' })
  open()
  expect((await connection.response()).text).toBe('ok')
  expect(await service.event('report')).toMatchObject({ report: { drain: { cut: [] } } })
  for (const pid of service.processes()) await service.exitOf(pid)
  expect(service.facts.some(({ state }) => state === 'handing-over')).toBe(false)
})
