import { expect, test } from 'vitest'
import { silent } from '../base/logger.js'
import { platform } from './process.js'
import { ServiceManager } from './systemd-notify.js'

/** Records the calls of systemd-notify. Each call waits for `answer`, which can be an error. */
function manager({ present = true } = {}) {
  const told: string[] = []
  const warnings: string[] = []
  let answer: (error: Error | null) => void = () => {}
  const fake = {
    ...platform,
    pid: 4711,
    monotonicMicroseconds: () => 42n,
    environment: present ? { NOTIFY_SOCKET: '/run/systemd/notify' } : {},
    run(command: string, args: readonly string[], done: (error: Error | null) => void) {
      told.push([command, ...args].join(' | '))
      answer = done
    },
  }
  const logger = { ...silent, warn: (_facts: object, text: string) => void warnings.push(text) }
  return {
    told,
    warnings,
    manager: new ServiceManager(fake, logger),
    async answer(error: Error | null = null) {
      answer(error)
      await new Promise(setImmediate)
    },
  }
}

test('systemd is notified of each step in order', async () => {
  const { manager: systemd, told, answer } = manager()
  void systemd.ready(1)
  void systemd.reloading()
  void systemd.reloadFailed('Successor 5 exited\nwith code 1.')
  void systemd.handedOver(5000, 2)
  void systemd.stopping()
  await new Promise(setImmediate)
  expect(told).toHaveLength(1)
  for (let calls = 0; calls < 5; calls++) await answer()
  expect(told).toEqual([
    'systemd-notify | READY=1 | MAINPID=4711 | STATUS=generation 1 serves',
    'systemd-notify | RELOADING=1 | MONOTONIC_USEC=42 | STATUS=starting the successor',
    'systemd-notify | READY=1 | MAINPID=4711 | STATUS=Successor 5 exited with code 1.',
    'systemd-notify | READY=1 | MAINPID=5000 | STATUS=generation 2 serves',
    'systemd-notify | STOPPING=1 | STATUS=draining',
  ])
})

test('a failed notification is logged as a warning, and the next one is still sent', async () => {
  const { manager: systemd, told, warnings, answer } = manager()
  const reloading = systemd.reloading()
  const ready = systemd.ready(1)
  await new Promise(setImmediate)
  await answer(new Error('no such program'))
  await reloading
  await answer()
  await ready
  expect(warnings).toEqual(['systemd-notify failed: systemd did not receive RELOADING=1'])
  expect(told).toHaveLength(2)
})

const ended = (killed: boolean) => Object.assign(new Error('ended'), { signal: 'SIGTERM', killed })

test('a notification whose process systemd ended is sent once more', async () => {
  const { manager: systemd, told, warnings, answer } = manager()
  const stopping = systemd.stopping()
  await new Promise(setImmediate)
  await answer(ended(false))
  await answer()
  await stopping
  expect([told.length, warnings]).toEqual([2, []])
})

test.each([
  ['is ended twice', [false, false]],
  ['takes too long', [true]],
])('a notification whose process %s fails', async (_, answers) => {
  const { manager: systemd, told, warnings, answer } = manager()
  const stopping = systemd.stopping()
  await new Promise(setImmediate)
  for (const killed of answers) await answer(ended(killed))
  await stopping
  expect(told).toHaveLength(answers.length)
  expect(warnings).toEqual(['systemd-notify failed: systemd did not receive STOPPING=1'])
})

test('nothing is sent without a service manager, and no call waits', async () => {
  const { manager: systemd, told } = manager({ present: false })
  await Promise.all([systemd.ready(1), systemd.reloading(), systemd.reloadFailed(''), systemd.stopping()])
  await systemd.handedOver(1, 2)
  expect(told).toEqual([])
})
