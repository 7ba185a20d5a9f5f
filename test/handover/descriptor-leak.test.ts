// Reloads leak no descriptors.
import { expect, test } from 'vitest'
import { descriptorsOf } from '../support/processes.js'
import { startService } from '../support/service.js'
import { until } from '../support/until.js'

const loopback = { port: 0, host: '127.0.0.1' }

test('C24: a process has the same descriptors after 50 reloads as after one', {
  timeout: 240_000,
}, async () => {
  const service = await startService('http.mjs', {
    config: { listen: [loopback, loopback], graceful: { probationMs: 0 } },
  })
  // The open descriptors after the channel to the predecessor (descriptor 3) has closed.
  const openIn = async (pid: number, channel: string | undefined) => {
    await until(
      'the channel to the predecessor is closed',
      () => !descriptorsOf(pid).some(({ target }) => target === channel),
    )
    return descriptorsOf(pid)
      .map(({ target }) => target.replace(/\d+/, ''))
      .sort()
  }
  let first: string[] | undefined
  let last: string[] = []
  for (let reloads = 0; reloads < 50; reloads++) {
    const { from, to } = await service.reload()
    const channel = descriptorsOf(to.pid).find(({ fd }) => fd === 3)?.target
    await service.exitOf(from.pid)
    last = await openIn(to.pid, channel)
    first ??= last
  }
  expect(service.serving.generation).toBe(51)
  expect(last).toEqual(first)
})
