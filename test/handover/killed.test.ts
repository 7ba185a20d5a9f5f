// SIGKILL at every step of a handover, to either side: no client is refused or hangs, and the other process serves.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type LoadResult, RawConnection } from '@handover/load'
import { expect, test } from 'vitest'
import { isHandedOver, isProven } from '../support/generations.js'
import { ask, askOnce, gate, get } from '../support/http.js'
import { underLoad } from '../support/load.js'
import { descendantsOf, statusOf } from '../support/processes.js'
import { type Deployed, type Outcome, release, requestReload, startRelease } from '../support/release.js'
import type { Fact, Service } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

const waitFor = (file: string) => `
  const { existsSync } = await import('node:fs')
  while (!existsSync('${file}')) await new Promise((resolve) => setTimeout(resolve, 5))`

interface Step {
  readonly text: (file: string) => string
  /** Resolves with the pid of the successor when it has reached the step. */
  readonly reached: (service: Service) => Promise<number>
}

const fact = (is: (fact: Fact) => boolean) => async (service: Service) =>
  (await service.event((each) => each.pid !== service.pid && is(each))).pid

const steps: Readonly<Record<string, Step>> = {
  'right after the successor starts': {
    text: () => release(),
    async reached({ pid }) {
      await until('the successor exists', () => descendantsOf(pid).length > 0)
      return descendantsOf(pid)[0] ?? 0
    },
  },
  'before the successor has loaded core': {
    text: (file) => release({ first: waitFor(file) }),
    reached: fact(({ event }) => event === 'started'),
  },
  'when the successor listens': {
    text: (file) =>
      release({ options: "{ ready: 'manual' }", afterListen: `${waitFor(file)}; handle.ready()` }),
    reached: fact(({ event }) => event === 'listening'),
  },
  'when the successor is ready': {
    text: () => release(),
    reached: fact(({ onProbation }) => onProbation === true),
  },
}

/** Reloads under load to a release that stops at the step. `kill` gets the pid of the successor. */
async function killedAt({ text, reached }: Step, kill: (app: Killed) => Promise<void>) {
  const pidFile = join(tempDir(), 'pid')
  const app = await startRelease({ config: { graceful: { probationMs: 60_000, pidFile } } })
  const { service, deploy } = app
  const proceed = gate()
  deploy(text(proceed.file))
  const load = await underLoad(service.target, async () => {
    service.signal('SIGHUP')
    await kill({ ...app, successor: await reached(service), proceed: proceed.open })
    // A successor reports its state before it writes the PID file. When it answers, it has done both.
    await whoServes(service.target)
  })
  return { ...app, load, pidFile: Number(readFileSync(pidFile, 'utf8')) }
}

interface Killed extends Deployed {
  readonly successor: number
  proceed(): void
}

test.each(Object.entries(steps))(
  'the predecessor keeps serving if the successor is killed (%s)',
  async (_, step) => {
    const { service, load, pidFile, deploy } = await killedAt(step, async ({ service, successor }) => {
      process.kill(successor, 'SIGKILL')
      expect(await service.event('reload-failed')).toMatchObject({
        report: { failure: { signal: 'SIGKILL' } },
      })
      expect(statusOf(successor)).toBeUndefined()
    })
    expectOnlyConnectionsCut(load, 2)
    expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
    expect(pidFile).toBe(service.pid)
    await expectNextReload({ service, deploy }, 2)
  },
)

test.each(Object.entries(steps))(
  'C17: the successor serves if the predecessor is killed (%s)',
  async (_, step) => {
    const { service, load, pidFile, deploy } = await killedAt(
      step,
      async ({ service, successor, proceed }) => {
        service.signal('SIGKILL', service.pid)
        await service.exitOf(service.pid)
        proceed()
        await service.event(isProven(successor))
      },
    )
    expectOnlyConnectionsCut(load, 1)
    const serving = await whoServes(service.target)
    expect(serving).toEqual({ pid: pidFile, generation: 2 })
    expect(service.processes()).toEqual([serving.pid])
    await expectNextReload({ service, deploy }, 3)
  },
)

async function expectNextReload(
  { service, deploy }: Pick<Deployed, 'service' | 'deploy'>,
  generation: number,
): Promise<void> {
  const afterIndex = service.lastIndex
  deploy(release())
  service.signal('SIGHUP')
  const becomesReady = (each: Fact) => each.generation === generation && each.onProbation === true
  await service.event(becomesReady, { afterIndex })
  const { pid } = service.serving
  service.signal('SIGTERM', pid)
  await service.exitOf(pid)
  expect(service.processes()).toEqual([])
}

/** Only connections of the killed generation fail, once each. No client is refused or hangs. */
function expectOnlyConnectionsCut({ failures, servedBy }: LoadResult, killed: number): void {
  for (const { kind, workload, servedBy } of failures) {
    expect(kind).toMatch(/^(reset|cut-short|closed-unannounced)$/)
    if (workload.startsWith('keep-alive')) expect(servedBy?.generation ?? killed).toBe(killed)
  }
  expect(failures.length).toBeLessThanOrEqual(8)
  expect(servedBy.size).toBeGreaterThan(0)
}

const whenProven = (victim: string) =>
  release({
    beforeListen: `handle.on('state', ({ state, onProbation }) => {
      if (state === 'ready' && !onProbation) process.kill(${victim}, 'SIGKILL')
    })`,
  })

test('the predecessor keeps serving if the successor is killed when it is proven but has not taken over yet', async () => {
  const { service, deploy } = await startRelease({ config: { graceful: { probationMs: 0 } } })
  deploy(whenProven('process.pid'))
  let outcome: Outcome = {}
  const load = await underLoad(service.target, async () => {
    outcome = await requestReload(service.target)
  })
  expectOnlyConnectionsCut(load, 2)
  expect(outcome).toMatchObject({
    code: 'ERR_HANDOVER_PROBATION',
    report: { failure: { signal: 'SIGKILL' } },
  })
  expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
})

test('C17: the successor serves if the predecessor is killed when the successor is proven but has not taken over yet', async () => {
  const { service, deploy } = await startRelease({ config: { graceful: { probationMs: 0 } } })
  deploy(whenProven('handle.predecessor.pid'))
  const load = await underLoad(service.target, async () => {
    service.signal('SIGHUP')
    await service.exitOf(service.pid)
    await until('the successor serves', async () => (await whoServes(service.target)).generation === 2)
  })
  expectOnlyConnectionsCut(load, 1)
  expect(service.processes()).toEqual([(await whoServes(service.target)).pid])
})

test.each([false, true])(
  'C17: a predecessor that is killed while it drains loses only its own requests (connections move: %s)',
  async (moveConnections) => {
    const { service } = await startRelease({ config: { graceful: { probationMs: 0, moveConnections } } })
    const held = gate()
    const busy = await RawConnection.connect(service.target)
    await busy.write(get(held.path))
    const { to } = await service.reload()
    const load = await underLoad(service.target, async () => {
      service.signal('SIGKILL', service.pid)
      await service.exitOf(service.pid)
      for (let i = 0; i < 50; i++) await askOnce(service.target, '/')
    })
    await expect(busy.response()).rejects.toThrow()
    expect(load.failures).toEqual([])
    expect(await whoServes(service.target)).toEqual(to)
  },
)

test.each([false, true])(
  'if a successor is killed while its predecessor drains, requests finish and the predecessor serves again (connections move: %s)',
  async (moveConnections) => {
    const { service } = await startRelease({ config: { graceful: { probationMs: 0, moveConnections } } })
    const held = gate()
    const [busy, idle] = [
      await RawConnection.connect(service.target),
      await RawConnection.connect(service.target),
    ]
    await ask(idle, '/')
    await busy.write(get(held.path))
    service.signal('SIGHUP')
    await service.event(isHandedOver)
    const [successor = 0] = descendantsOf(service.pid)
    process.kill(successor, 'SIGKILL')
    await service.event(
      ({ event, code }) => event === 'reload-failed' && code === 'ERR_HANDOVER_SUCCESSOR_LOST',
    )
    idle.close()
    held.open()
    expect((await busy.response()).text).toBe('ok')
    busy.close()
    expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
    expect(service.processes()).toEqual([service.pid])
  },
)

test('C17: a predecessor that stays a zombie does not keep its successor from serving', async () => {
  const proceed = gate()
  const { service, deploy } = await startRelease({
    // The shell becomes `sleep`, which reaps no child, so the predecessor stays a zombie.
    shell: '"$0" "$@" & exec sleep 600;',
    config: { graceful: { probationMs: 0 } },
    leftOvers: 'allowed',
  })
  const { pid } = await whoServes(service.target)
  deploy(release({ first: waitFor(proceed.file) }))
  service.signal('SIGHUP', pid)
  const successor = await service.event((each) => each.event === 'started' && each.pid !== pid)
  service.signal('SIGKILL', pid)
  await service.exitOf(pid)
  expect(statusOf(pid)).toMatchObject({ state: 'Z' })
  proceed.open()
  await service.event(isProven(successor.pid))
  expect(await whoServes(service.target)).toEqual({ pid: successor.pid, generation: 2 })
})
