import net from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { tempDir } from '../../../../test/support/temp-dir.js'
import type { ControlStatus } from '../protocol/control-messages.js'
import type { Controlled } from './controlled.js'
import { ControlServer } from './server.js'

test('C70: an answer of 12 MB reaches a slow client completely', async () => {
  const script = 'x'.repeat(1_000_000)
  const generation = { generation: 1, pid: 1, state: 'ready', release: { cwd: '/', script } } as const
  const status: ControlStatus = { generations: Array(12).fill(generation) }
  const control = new ControlServer({ status: () => status } as unknown as Controlled)
  const path = join(tempDir(), 'control.sock')
  await new Promise<void>((resolve) => control.server.listen(path, resolve))
  onTestFinished(() => {
    control.close()
    control.server.close()
  })
  const socket = net.connect({ path }).setEncoding('utf8')
  socket.write('{"handover":1,"id":1,"request":"status"}\n')
  let text = ''
  for await (const part of socket) {
    text += part
    if (text.endsWith('\n')) break
    await pause(1)
  }
  expect(JSON.parse(text)).toEqual({ id: 1, ok: true, status })
})
