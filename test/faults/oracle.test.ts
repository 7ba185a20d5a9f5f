import { describe, expect, test } from 'vitest'
import {
  failureOf,
  first,
  gen1,
  gone,
  printedReload,
  reloadCommand,
  reloaded,
  roundLog,
  second,
  stopped,
  supervisor,
  tell,
  upWith,
} from './made-up.js'
import { judge } from './oracle.js'
import type { RoundLog } from './round-log.js'

const rules = (log: RoundLog) => judge(log).map(({ rule }) => rule)
const kill = (pid: number, afterIndex: number) => ({ does: 'kill', pid, afterIndex, at: 0 }) as const
const ended = { afterFaults: gone } as const

test('a round without a fault has no anomaly', () => {
  expect(judge(roundLog())).toEqual([])
  expect(judge(roundLog({ runner: 'run' }))).toEqual([])
})

describe('the service', () => {
  const probation = tell(...gen1, [first, 'handing-over'], [second, 'started'], [second, 'probation'])

  test('outlives a successor that is killed on probation', () => {
    const acts = [kill(second, probation.length - 1)]
    expect(rules(roundLog({ acts, facts: probation, ...ended }))).toContain('the service is gone')
    const facts = tell(...gen1, [first, 'handing-over'], [second, 'started'], ...stopped(first))
    expect(rules(roundLog({ acts, facts, afterFaults: upWith(first) }))).toEqual([])
  })

  test('outlives a predecessor that is killed before its successor is proven', () => {
    const acts = [kill(first, probation.length - 1)]
    expect(rules(roundLog({ acts, facts: probation, ...ended }))).toEqual(['the service is gone'])
  })

  test('outlives a successor that dies while its predecessor still drains', () => {
    const facts = tell(...reloaded.slice(0, -2), [second, 'fault exit'])
    expect(rules(roundLog({ facts, ...ended }))).toContain('the service is gone')
  })

  test('may end with its successor when its predecessor has just drained', () => {
    const report = (drainMs: number) => {
      const reload = { startedAt: new Date(1_000).toISOString(), phases: [{ name: 'starting', ms: 100 }] }
      const fact = {
        index: 9,
        pid: first,
        event: 'report',
        report: { reload, drain: { ms: drainMs, cut: [] } },
      }
      return [...tell(...reloaded.slice(0, -2)), fact]
    }
    // The round had read of the drain before the death (8), or had not (7).
    for (const afterIndex of [8, 7]) {
      const acts = [{ ...kill(second, afterIndex), at: 1_200 }]
      expect(rules(roundLog({ acts, facts: report(200), ...ended }))).not.toContain('the service is gone')
      expect(rules(roundLog({ acts, facts: report(2_000), ...ended }))).toContain('the service is gone')
    }
  })

  test('may end with an owner that has handed over itself, although its predecessor still drains', () => {
    const facts = tell(...reloaded.slice(0, -2), [second, 'handing-over'], [second, 'ready'])
    const acts = [kill(second, facts.length - 1)]
    expect(rules(roundLog({ acts, facts, ...ended }))).not.toContain('the service is gone')
  })

  test('may leave its files when the program of its owner closes the server', () => {
    const facts = tell(...reloaded, [second, 'fault close-server'])
    const log = roundLog({ facts, left: { running: [], files: ['service.pid'] }, ...ended })
    expect(rules(log)).not.toContain('files are left')
  })

  test('may be gone when its only process was killed, and leave its files', () => {
    const left = { running: [], files: ['service.pid'] }
    const log = roundLog({ acts: [kill(first, 2)], facts: tell(...gen1), left, ...ended })
    expect(rules(log)).toEqual([])
  })

  test('must be gone after a shutdown, and stays after one that only meant a predecessor', () => {
    const facts = tell(...gen1, [first, 'handing-over'], ...stopped(first), ...stopped(second))
    expect(rules(roundLog({ facts, afterFaults: upWith(second) }))).toContain(
      'processes run after a shutdown',
    )
    const draining = tell(...reloaded.slice(0, -2), ...stopped(first))
    expect(rules(roundLog({ facts: draining, ...ended }))).toContain('the service is gone')
  })

  test('must be gone when its new owner was told to shut down, also while its predecessor drains', () => {
    const facts = tell(...reloaded.slice(0, -2), ...stopped(second), ...stopped(first))
    expect(rules(roundLog({ facts, afterFaults: upWith(first) }))).toContain('processes run after a shutdown')
    expect(rules(roundLog({ facts, ...ended }))).toEqual([])
  })

  test('under handover run only the end of the supervisor ends it', () => {
    const worker = { runner: 'run', acts: [kill(second, 9)], facts: tell(...reloaded) } as const
    expect(rules(roundLog({ ...worker, ...ended }))).toEqual(['the service is gone'])
    const lost = { runner: 'run', acts: [kill(supervisor, 9)] } as const
    expect(rules(roundLog(lost))).toContain('processes run after a shutdown')
    expect(rules(roundLog({ ...lost, ...ended }))).toEqual([])
  })

  test.each([
    ['no answer after the faults', { answers: ['refused'] }],
    ['no answer after the faults', { answers: [999] }],
    ['no PID file after the faults', { pidFile: undefined }],
    ['the PID file names another process after the faults', { pidFile: '101' }],
    ['the control socket does not answer after the faults', { control: 'ECONNREFUSED' }],
    ['the control socket tells of others after the faults', { control: [first] }],
    ['temporary files after the faults', { files: ['.x1', 'control.sock', 'service.pid'] }],
    ['socket files are missing after the faults', { files: ['service.pid'] }],
    ['the service does not come to rest after the faults', { unsettled: '102 handing-over' }],
  ])('is whole: %s', (rule, wrong) => {
    expect(rules(roundLog({ afterFaults: { ...upWith(second), ...wrong } }))).toContain(rule)
  })
})

describe('a request that failed', () => {
  const killed = { acts: [kill(second, 10)] }
  const facts = tell(...reloaded)

  test('is an anomaly without a fault', () => {
    expect(rules(roundLog({ failures: [failureOf('reset', second)] }))).toEqual(['a request failed: reset'])
    const idle = [{ first, outcome: 'failed', detail: '' }] as const
    expect(rules(roundLog({ idle }))).toEqual(['an idle connection was lost'])
  })

  test('is excused when its connection was with a process that was killed, once for each client', () => {
    const one = [failureOf('reset', second)]
    expect(rules(roundLog({ ...killed, facts, failures: one, afterFaults: gone }))).not.toContain(
      'a request failed: reset',
    )
    expect(rules(roundLog({ ...killed, facts, failures: [...one, ...one], afterFaults: gone }))).toContain(
      'a request failed: reset',
    )
  })

  test('is excused when its connection may have moved to that process, not when it may not', () => {
    const rule = 'a request failed: cut-short'
    const moved = [failureOf('cut-short', first)]
    expect(rules(roundLog({ ...killed, facts, failures: moved, afterFaults: gone }))).not.toContain(rule)
    const predecessor = { acts: [kill(first, 8)], facts: tell(...reloaded.slice(0, -2), ...stopped(second)) }
    expect(rules(roundLog({ ...predecessor, failures: [failureOf('cut-short', second)] }))).toEqual([rule])
  })

  test('is excused when the program of its worker closed the server', () => {
    const rule = 'a request failed: closed-unannounced'
    const closed = [...reloaded, [second, 'fault close-server'], [second, 'exited']] as const
    const failures = [failureOf('closed-unannounced', second)]
    expect(rules(roundLog({ runner: 'run', facts: tell(...closed), failures }))).not.toContain(rule)
    expect(rules(roundLog({ runner: 'run', failures }))).toContain(rule)
  })

  test('is excused when it is refused after the only worker closed its server', () => {
    const rule = 'a request failed: refused'
    const facts = tell(...reloaded, [second, 'fault close-server'], [second, 'exited'], ...stopped(103))
    const failures = [failureOf('refused')]
    expect(rules(roundLog({ runner: 'run', facts, failures }))).not.toContain(rule)
    expect(rules(roundLog({ runner: 'run', facts, failures, workers: 2 }))).toContain(rule)
    expect(rules(roundLog({ runner: 'run', facts, afterFaults: gone }))).toContain('the service is gone')
    expect(rules(roundLog({ runner: 'run', failures }))).toContain(rule)
  })

  test('is excused once for each client when the supervisor, which relays its connection, was killed', () => {
    const rule = 'a request failed: reset'
    const one = [failureOf('reset', first)]
    const killed = { runner: 'run', acts: [kill(supervisor, 9)], afterFaults: gone } as const
    expect(rules(roundLog({ ...killed, failures: one }))).not.toContain(rule)
    expect(rules(roundLog({ ...killed, failures: [...one, ...one] }))).toContain(rule)
    expect(rules(roundLog({ runner: 'run', failures: one }))).toContain(rule)
  })

  test('is excused when a proven successor closes the channel that moves its connection', () => {
    const broken = (n: number) =>
      tell(...reloaded.slice(0, n), [second, 'fault break-channel'], ...reloaded.slice(n), ...stopped(second))
    const failures = [failureOf('reset', first)]
    expect(rules(roundLog({ facts: broken(8), failures }))).toEqual([])
    expect(rules(roundLog({ facts: broken(7), failures }))).toEqual(['a request failed: reset'])
  })

  test('is never excused for a late or wrong answer, nor a refusal by a service that must be there', () => {
    const failures = [
      failureOf('timeout'),
      failureOf('wrong-body'),
      failureOf('status'),
      failureOf('refused'),
    ]
    const predecessor = { acts: [kill(first, 8)], facts: tell(...reloaded.slice(0, -2), ...stopped(second)) }
    expect(rules(roundLog({ ...predecessor, failures }))).toHaveLength(4)
  })

  test('for want of descriptors is excused only for a connection without any answer', () => {
    const acts = [{ does: 'limit-descriptors', pid: second, afterIndex: 5, at: 0 }] as const
    expect(rules(roundLog({ acts, failures: [failureOf('reset')] }))).toEqual([])
    expect(rules(roundLog({ acts, failures: [failureOf('reset', first)] }))).toEqual([
      'a request failed: reset',
    ])
  })
})

describe('handover reload', () => {
  const after = (code: number | null, printed: object, facts = tell(...reloaded, ...stopped(second))) =>
    rules(
      roundLog({
        facts,
        requested: [{ by: 'command', afterIndex: 2, command: reloadCommand(code, printed) }],
      }),
    )
  const failed = tell(...gen1, [first, 'handing-over'], [second, 'started'], [first, 'ready'])

  test('tells the truth', () => {
    expect(after(0, printedReload('handed-over'))).toEqual([])
    expect(after(5, { outcome: 'refused', reports: [] })).toEqual([])
  })

  test('may not claim a success that was none, or a failure that was a success', () => {
    expect(after(0, printedReload('handed-over'), failed)).toContain(
      'handover reload claims a success that did not happen',
    )
    expect(after(1, printedReload('failed'))).toEqual([
      'handover reload claims a failure, but the successor took over',
    ])
  })

  test('has an exit code that goes with what it prints', () => {
    const rule = ['handover reload: exit code or output is wrong']
    expect(after(0, printedReload('failed'), failed)).toContain(rule[0])
    expect(after(1, printedReload('handed-over'))).toEqual(rule)
    expect(after(null, {})).toEqual(rule)
    expect(after(139, printedReload('handed-over'))).toEqual(rule)
  })

  test('may not know only when something happened to the process that it asked', () => {
    const rule = 'handover reload does not know, although nothing happened to whom it asked'
    expect(after(4, {})).toEqual([rule])
    const requested = [{ by: 'command', afterIndex: 2, command: reloadCommand(4, {}) }] as const
    expect(
      rules(roundLog({ requested, acts: [{ does: 'stop', pid: first, afterIndex: 4, at: 0 }] })),
    ).toEqual([])
  })

  test('succeeds once the faults are over', () => {
    const lastReload = {
      command: reloadCommand(1, printedReload('failed', second, 103)),
      snapshot: upWith(second),
    }
    expect(rules(roundLog({ lastReload }))).toEqual(['a reload after the faults fails'])
  })
})

test('a process that served may not end without a fault', () => {
  const facts = tell(...reloaded.slice(0, -2), ...stopped(second))
  expect(rules(roundLog({ facts }))).toEqual(['a process that served has ended without a fault'])
})

test('a drain that cuts connections is an anomaly', () => {
  const facts = tell(...reloaded.slice(0, -2), [first, 'cut'], [first, 'exited'], ...stopped(second))
  expect(rules(roundLog({ facts }))).toEqual(['a drain has cut connections'])
})

test('nothing is left after the end', () => {
  const left = { running: [second], files: ['service.pid'] }
  expect(rules(roundLog({ left }))).toEqual(['processes are left', 'files are left'])
  const command = { name: 'stop', afterIndex: 9, code: 1, stdout: '', stderr: 'no' } as const
  expect(rules(roundLog({ stop: { by: 'command', afterIndex: 10, command } }))).toEqual([
    'handover stop does not end well',
  ])
})
