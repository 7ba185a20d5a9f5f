// The state that a predecessor hands over, and what a generation knows of its predecessor.
import { RawConnection } from '@handover/load'
import { expect, test } from 'vitest'
import { isHandedOver, isReady } from '../support/generations.js'
import { gate, get } from '../support/http.js'
import { underLoad } from '../support/load.js'
import { isRunning } from '../support/processes.js'
import { type Outcome, release, requestReload, startRelease } from '../support/release.js'
import { whoServes } from '../support/who.js'

const quick = { probationMs: 50 }
const provides = (state: string) => release({ beforeListen: `handle.provideState(${state})` })
const asks = (more = '') => release({ beforeListen: `const state = await handle.inheritedState(); ${more}` })

test('C50: the state is available before ready and has everything that can be cloned', async () => {
  const { service, deploy } = await startRelease({
    config: { graceful: quick },
    text: provides(`async () => ({
      sessions: new Map([['a', { since: new Date(0) }]]), seen: new Set([1n]), bytes: Buffer.from('bytes'),
      nothing: undefined, list: [1, , 3], error: new RangeError('old'), large: 'x'.repeat(5_000_000),
    })`),
  })
  deploy(
    asks(`tell('inherited', {
      since: state.sessions.get('a').since.getTime(), seen: state.seen.has(1n), bytes: Buffer.from(state.bytes).toString(),
      nothing: 'nothing' in state, list: state.list.length, error: state.error instanceof RangeError, large: state.large.length,
      same: await handle.inheritedState() === state,
    })`),
  )
  const { to } = await service.reload()
  const inherited = await service.event('inherited')
  expect(inherited).toMatchObject({
    pid: to.pid,
    since: 0,
    seen: true,
    bytes: 'bytes',
    nothing: true,
    list: 3,
    error: true,
    large: 5_000_000,
    same: true,
  })
  const ready = service.facts.find((fact) => fact.pid === to.pid && isReady(fact))
  expect(inherited.index).toBeLessThan(ready?.index ?? 0)
})

test('C50: a beforeReady hook can wait for the state, too, and it is undefined if none was provided', async () => {
  const { service, deploy } = await startRelease({ config: { graceful: quick } })
  const hook = "async () => tell('inherited', { is: typeof await handle.inheritedState() })"
  deploy(release({ beforeListen: `handle.beforeReady(${hook})` }))
  await service.reload()
  expect(await service.event('inherited')).toMatchObject({ is: 'undefined' })
})

test('C50: a first generation inherits undefined, and a state that no successor asks for is not created', async () => {
  const { service } = await startRelease({
    config: { graceful: quick },
    text: release({
      beforeListen: `
        if (handle.generation === 1) tell('inherited', { is: typeof await handle.inheritedState() })
        handle.provideState(() => tell('made'))`,
    }),
  })
  expect(await service.event('inherited')).toMatchObject({ is: 'undefined' })
  await service.reload()
  await service.exitOf(service.pid)
  expect(service.facts.filter(({ event }) => event === 'made')).toEqual([])
})

const bad = {
  'is a function': ['() => () => {}', 'could not be cloned'],
  'holds a symbol': ["() => ({ key: Symbol('s') })", 'could not be cloned'],
  'holds a promise': ['() => ({ later: Promise.resolve() })', 'could not be cloned'],
  'holds a server': ['() => ({ server })', 'could not be cloned'],
  'holds shared memory': ['() => new SharedArrayBuffer(8)', 'could not be cloned'],
  'has a getter that throws': ["() => ({ get a() { throw new Error('no a') } })", 'no a'],
  'comes from a function that throws': ["() => { throw new Error('no state') }", 'no state'],
  'comes from a function that rejects': ["async () => { throw 'only a text' }", 'only a text'],
  'takes too long': ['() => new Promise(() => {})', 'provideState timed out after 500 ms'],
} as const

test.each(Object.entries(bad))(
  'C50: a state that %s fails the reload, not the service',
  async (_, [provide, why]) => {
    const { service, deploy } = await startRelease({
      config: { graceful: { ...quick, hookTimeoutMs: 500 } },
      text: provides(provide),
    })
    // The reload fails even if the successor could do without the state, which would be lost.
    deploy(
      release({ beforeListen: "await handle.inheritedState().catch(({ code }) => tell('told', { code }))" }),
    )
    let outcome: Outcome = {}
    const load = await underLoad(service.target, async () => {
      outcome = await requestReload(service.target)
    })
    expect(load.failures).toEqual([])
    expect(outcome).toMatchObject({ code: 'ERR_HANDOVER_STATE', report: { outcome: 'failed' } })
    expect(outcome.message).toContain(why)
    expect(outcome.report?.failure?.cause?.message).toContain(why)
    expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
    expect(service.processes()).toEqual([service.pid])
  },
)

test('C50: when a successor exits because its state is missing, the error gives the reason for the missing state', async () => {
  const { service, deploy } = await startRelease({ text: provides("() => { throw new Error('no state') }") })
  deploy(asks())
  expect(await requestReload(service.target)).toMatchObject({
    code: 'ERR_HANDOVER_STATE',
    message: expect.stringContaining('no state'),
  })
})

test('C50: inheritedState() rejects if the predecessor is killed before it hands over the state', async () => {
  const { service, deploy } = await startRelease({
    text: provides("() => { tell('asked'); return new Promise(() => {}) }"),
  })
  deploy(
    release({
      beforeListen:
        'await handle.inheritedState().catch(({ code, message }) => tell("told", { code, message }))',
    }),
  )
  service.signal('SIGHUP')
  await service.event('asked')
  service.signal('SIGKILL', service.pid)
  expect(await service.event('told')).toMatchObject({
    code: 'ERR_HANDOVER_STATE',
    message: `Predecessor ${service.pid} exited or closed its channel before it sent its state.`,
  })
  const { pid } = await service.event((fact) => isReady(fact) && fact.generation === 2)
  // The channel closes a little before the process is gone. Until then it would count as the serving one.
  await service.exitOf(service.pid)
  expect(await whoServes(service.target)).toEqual({ pid, generation: 2 })
})

/** Generation 1 has something that only one process may have. Each generation reports whether it has it. */
const givesAway = release({
  beforeListen: `
    let mine = (await handle.inheritedState()) ?? (handle.generation === 1 && 'the lock')
    tell('has', { mine })
    handle.provideState(() => { const given = mine; mine = undefined; tell('gave'); return given })
    handle.onHandoverFailed(() => { mine = 'the lock'; tell('has', { mine }) })`,
})

test.each([
  ['before it is ready', "throw new Error('no luck')", '', 'ERR_HANDOVER_SUCCESSOR_EXITED'],
  ['on probation', '', 'process.exit(3)', 'ERR_HANDOVER_PROBATION'],
])(
  'C50: what a successor that fails %s had received is taken back after its exit and can be handed over again',
  async (_, afterwards, afterListen, code) => {
    const { service, deploy } = await startRelease({
      config: { graceful: { probationMs: 2_000 } },
      text: givesAway,
    })
    const gets = "tell('got', { mine: await handle.inheritedState() })"
    deploy(release({ beforeListen: `${gets}; ${afterwards}`, afterListen }))
    expect(await requestReload(service.target)).toMatchObject({ code })
    const [got, failed] = [await service.event('got'), await service.event('reload-failed')]
    expect(got).toMatchObject({ mine: 'the lock' })
    // The hook runs before the failure is announced.
    const has = service.facts.filter(({ event, index }) => event === 'has' && index < failed.index)
    expect(has).toMatchObject([{ pid: service.pid }, { pid: service.pid, mine: 'the lock' }])
    expect(isRunning(got.pid)).toBe(false)

    deploy(givesAway)
    const { to } = await service.reload()
    expect(await service.event(({ event, pid }) => event === 'has' && pid === to.pid)).toMatchObject({
      mine: 'the lock',
    })
  },
)

test('C50: nothing is taken back from a successor that fails before it asks for the state', async () => {
  const { service, deploy } = await startRelease({ config: { graceful: quick }, text: givesAway })
  deploy(release({ beforeListen: "throw new Error('no luck')" }))
  expect(await requestReload(service.target)).toMatchObject({ code: 'ERR_HANDOVER_SUCCESSOR_EXITED' })
  await service.event('reload-failed')
  expect(service.facts.filter(({ event }) => event === 'has')).toHaveLength(1)
})

test('C50: an onHandoverFailed hook that fails or hangs is logged, and the reload fails with its own reason', async () => {
  const { service, deploy } = await startRelease({
    config: { graceful: { ...quick, hookTimeoutMs: 300 } },
    text: release({
      beforeListen: `
        handle.provideState(() => 'given')
        handle.onHandoverFailed(() => { throw new Error('it is gone') })
        handle.onHandoverFailed(() => new Promise(() => {}))
        handle.onHandoverFailed(() => tell('last'))`,
    }),
  })
  deploy(asks("throw new Error('no luck')"))
  expect(await requestReload(service.target)).toMatchObject({
    code: 'ERR_HANDOVER_SUCCESSOR_EXITED',
    message: expect.stringContaining('no luck'),
  })
  await service.line(/onHandoverFailed hook 1 failed: it is gone/)
  await service.line(/onHandoverFailed hook 2 failed: .* timed out after 300 ms/)
  await service.event('last')
  expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
})

test('C32: a generation knows its predecessor and can wait for its end', async () => {
  const { service } = await startRelease({
    config: { graceful: quick },
    text: release({
      beforeListen: `
        const { predecessor } = handle
        tell('knows', { predecessor: predecessor && { pid: predecessor.pid, generation: predecessor.generation } })
        predecessor?.ended.then(() => tell('ended', { of: predecessor.pid }))
        handle.on('predecessor-finished', ({ pid }) => tell('finished', { of: pid }))`,
    }),
  })
  expect(await service.event('knows')).not.toHaveProperty('predecessor')
  const held = gate()
  const connection = await RawConnection.connect(service.target)
  await connection.write(get(held.path))
  const { to } = await service.reload()
  expect(await service.event(({ event, pid }) => event === 'knows' && pid === to.pid)).toMatchObject({
    predecessor: { pid: service.pid, generation: 1 },
  })
  await service.event(isHandedOver)
  await whoServes(service.target)
  expect(service.facts.some(({ event }) => event === 'ended')).toBe(false)

  held.open()
  await connection.response()
  connection.close()
  const finished = await service.event('finished')
  const ended = await service.event('ended')
  expect([finished, ended]).toMatchObject([{ of: service.pid }, { of: service.pid }])
  expect(finished.index).toBeLessThan(ended.index)
  await service.exitOf(service.pid)
  expect(isRunning(service.pid)).toBe(false)
})
