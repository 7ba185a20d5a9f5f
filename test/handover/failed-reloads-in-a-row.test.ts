import { mixedLoad } from '@handover/load'
import { expect, test } from 'vitest'
import { descendantsOf, descriptorsOf } from '../support/processes.js'
import { hangs, release, requestReload, startRelease } from '../support/release.js'
import { until } from '../support/until.js'

// Each one fails in another way and at another time.
const failures = [
  'process.exit(0)',
  "throw new Error('bad release')",
  'let = (',
  "process.kill(process.pid, 'SIGKILL')",
  release({ first: hangs }),
  release({ first: 'process.exit(7)' }),
  release({ options: "{ readyTimeoutMs: 'soon' }" }),
  release({ beforeListen: "handle.beforeReady(async () => { throw new Error('no database') })" }),
  release({ options: "{ ready: 'manual' }", afterListen: 'process.exit(1)' }),
  release({ beforeListen: 'await handle.inheritedState()', afterListen: 'process.abort()' }),
]

/** At SIGUSR2, reports how many ChildProcess objects survive garbage collection, and the heap size. */
const text = release({
  first: `
    const { queryObjects } = await import('node:v8')
    const { ChildProcess } = await import('node:child_process')
    process.on('SIGUSR2', () => tell('left', { children: queryObjects(ChildProcess), heap: process.memoryUsage().heapUsed }))
  `,
})

test('C9: ten failed reloads in a row under load lose no request and leave nothing behind', async () => {
  const { service, deploy } = await startRelease({
    text,
    config: { graceful: { readyTimeoutMs: 2_000, drainTimeoutMs: 60_000 } },
  })
  const { pid, target } = service
  const failTenTimes = async () => {
    const over = new AbortController()
    const load = mixedLoad(target, { signal: over.signal })
    for (const bad of failures) {
      deploy(bad)
      expect(await requestReload(target)).toMatchObject({ report: { outcome: 'failed' } })
      expect(descendantsOf(pid), 'no running process and no zombie is left').toEqual([])
    }
    over.abort()
    return load
  }
  const left = async () => {
    const afterIndex = service.lastIndex
    service.signal('SIGUSR2', pid)
    const { children, heap } = await service.event('left', { afterIndex })
    return { children: Number(children), heap: Number(heap) }
  }

  // A process that answers is not loading a module, so all its descriptors stay open.
  await left()
  const descriptors = descriptorsOf(pid).map(({ target }) => target)
  expect((await failTenTimes()).failures).toEqual([])
  const first = await left()
  expect((await failTenTimes()).failures).toEqual([])
  await until('as many descriptors are open as before', () => {
    const now = descriptorsOf(pid).map(({ target }) => target)
    return now.length === descriptors.length
  })
  expect(descriptorsOf(pid).map(({ target }) => target)).toEqual(descriptors)
  const second = await left()
  // Core creates one object to find out whether this Node can open a channel.
  expect(first.children).toBeLessThanOrEqual(1)
  expect(second.children).toBe(first.children)
  expect(second.heap - first.heap).toBeLessThan(1024 * 1024)
  expect(service.processes()).toEqual([pid])
})
