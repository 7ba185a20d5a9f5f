import { describe, expect, test } from 'vitest'
import { judge } from './oracle.js'
import type { RoundLog } from './round-log.js'
import {
  factsOf,
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
  upWith,
} from './sample-logs.js'

const rules = (log: RoundLog) => judge(log).map(({ rule }) => rule)
const kill = (pid: number, afterIndex: number) => ({ does: 'kill', pid, afterIndex, at: 0 }) as const
const ended = { afterFaults: gone } as const

test('a round without a fault has no anomaly', () => {
  expect(judge(roundLog())).toEqual([])
  expect(judge(roundLog({ runner: 'run' }))).toEqual([])
})

describe('the service', () => {
  const probation = factsOf(...gen1, [first, 'handing-over'], [second, 'started'], [second, 'probation'])

  test('survives a successor that is killed on probation', () => {
    const acts = [kill(second, probation.length - 1)]
    expect(rules(roundLog({ acts, facts: probation, ...ended }))).toContain('the service is down')
    const facts = factsOf(...gen1, [first, 'handing-over'], [second, 'started'], ...stopped(first))
    expect(rules(roundLog({ acts, facts, afterFaults: upWith(first) }))).toEqual([])
  })

  test('survives a predecessor that is killed before its successor is proven', () => {
    const acts = [kill(first, probation.length - 1)]
    expect(rules(roundLog({ acts, facts: probation, ...ended }))).toEqual(['the service is down'])
  })

  test('survives a successor that exits while its predecessor still drains', () => {
    const facts = factsOf(...reloaded.slice(0, -2), [second, 'fault exit'])
    expect(rules(roundLog({ facts, ...ended }))).toContain('the service is down')
  })

  test('may end with its successor if its predecessor has just drained', () => {
    const report = (drainMs: number) => {
      const reload = { startedAt: new Date(1_000).toISOString(), phases: [{ name: 'starting', ms: 100 }] }
      const fact = {
        index: 9,
        pid: first,
        event: 'report',
        report: { reload, drain: { ms: drainMs, cut: [] } },
      }
      return [...factsOf(...reloaded.slice(0, -2)), fact]
    }
    // The fact about the drain arrived before the kill (8), or after it (7).
    for (const afterIndex of [8, 7]) {
      const acts = [{ ...kill(second, afterIndex), at: 1_200 }]
      expect(rules(roundLog({ acts, facts: report(200), ...ended }))).not.toContain('the service is down')
      expect(rules(roundLog({ acts, facts: report(2_000), ...ended }))).toContain('the service is down')
    }
  })

  test('may end with an owner that is handing over, although its predecessor still drains', () => {
    const facts = factsOf(...reloaded.slice(0, -2), [second, 'handing-over'], [second, 'ready'])
    const acts = [kill(second, facts.length - 1)]
    expect(rules(roundLog({ acts, facts, ...ended }))).not.toContain('the service is down')
  })

  test("may leave its files if its owner's program closes the server", () => {
    const facts = factsOf(...reloaded, [second, 'fault close-server'])
    const log = roundLog({ facts, left: { running: [], files: ['service.pid'] }, ...ended })
    expect(rules(log)).not.toContain('files remain')
  })

  test('may not answer while a process whose program closed the server keeps running, until the next reload', () => {
    const facts = factsOf(...reloaded, [second, 'fault close-server'], ...stopped(second))
    const silent = { ...upWith(second), answers: ['refused'] }
    const answer = 'no answer after the faults'
    expect(rules(roundLog({ facts, afterFaults: silent }))).not.toContain(answer)
    expect(rules(roundLog({ afterFaults: silent }))).toContain(answer)
    const lastReload = { command: reloadCommand(0, printedReload('handed-over')), snapshot: silent }
    expect(rules(roundLog({ facts, afterFaults: silent, lastReload }))).toContain(
      'no answer after the last reload',
    )
  })

  test('may be down and leave its files after its only process was killed', () => {
    const left = { running: [], files: ['service.pid'] }
    const log = roundLog({ acts: [kill(first, 2)], facts: factsOf(...gen1), left, ...ended })
    expect(rules(log)).toEqual([])
  })

  test('must be down after a shutdown, unless only a draining predecessor got the signal', () => {
    const facts = factsOf(...gen1, [first, 'handing-over'], ...stopped(first), ...stopped(second))
    expect(rules(roundLog({ facts, afterFaults: upWith(second) }))).toContain(
      'processes run after a shutdown',
    )
    const draining = factsOf(...reloaded.slice(0, -2), ...stopped(first))
    expect(rules(roundLog({ facts: draining, ...ended }))).toContain('the service is down')
  })

  test('must be down after a shutdown of its new owner, even while its predecessor drains', () => {
    const facts = factsOf(...reloaded.slice(0, -2), ...stopped(second), ...stopped(first))
    expect(rules(roundLog({ facts, afterFaults: upWith(first) }))).toContain('processes run after a shutdown')
    expect(rules(roundLog({ facts, ...ended }))).toEqual([])
  })

  test('ends under handover run only with the supervisor', () => {
    const worker = { runner: 'run', acts: [kill(second, 9)], facts: factsOf(...reloaded) } as const
    expect(rules(roundLog({ ...worker, ...ended }))).toEqual(['the service is down'])
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
    ['the control socket names other processes after the faults', { control: [first] }],
    ['temporary files after the faults', { files: ['.x1', 'control.sock', 'service.pid'] }],
    ['socket files are missing after the faults', { files: ['service.pid'] }],
    ['the service does not become stable after the faults', { unsettled: '102 handing-over' }],
  ])('has an anomaly: %s', (rule, wrong) => {
    expect(rules(roundLog({ afterFaults: { ...upWith(second), ...wrong } }))).toContain(rule)
  })
})

describe('a failed request', () => {
  const killed = { acts: [kill(second, 10)] }
  const facts = factsOf(...reloaded)

  test('is an anomaly without a fault', () => {
    expect(rules(roundLog({ failures: [failureOf('reset', second)] }))).toEqual(['a request failed: reset'])
    const idle = [{ first, outcome: 'failed', detail: '' }] as const
    expect(rules(roundLog({ idle }))).toEqual(['an idle connection was lost'])
  })

  test('is excused once for each client if its process was killed', () => {
    const one = [failureOf('reset', second)]
    expect(rules(roundLog({ ...killed, facts, failures: one, afterFaults: gone }))).not.toContain(
      'a request failed: reset',
    )
    expect(rules(roundLog({ ...killed, facts, failures: [...one, ...one], afterFaults: gone }))).toContain(
      'a request failed: reset',
    )
  })

  test('is excused if its connection may have moved to the killed process', () => {
    const rule = 'a request failed: cut-short'
    const moved = [failureOf('cut-short', first)]
    expect(rules(roundLog({ ...killed, facts, failures: moved, afterFaults: gone }))).not.toContain(rule)
    const predecessor = {
      acts: [kill(first, 8)],
      facts: factsOf(...reloaded.slice(0, -2), ...stopped(second)),
    }
    expect(rules(roundLog({ ...predecessor, failures: [failureOf('cut-short', second)] }))).toEqual([rule])
  })

  test("is excused if its worker's program closed the server", () => {
    const rule = 'a request failed: closed-unannounced'
    const closed = [...reloaded, [second, 'fault close-server'], [second, 'exited']] as const
    const failures = [failureOf('closed-unannounced', second)]
    expect(rules(roundLog({ runner: 'run', facts: factsOf(...closed), failures }))).not.toContain(rule)
    expect(rules(roundLog({ runner: 'run', failures }))).toContain(rule)
  })

  test('is excused if it was refused after the only worker closed its server', () => {
    const rule = 'a request failed: refused'
    const facts = factsOf(...reloaded, [second, 'fault close-server'], [second, 'exited'], ...stopped(103))
    const failures = [failureOf('refused')]
    expect(rules(roundLog({ runner: 'run', facts, failures }))).not.toContain(rule)
    expect(rules(roundLog({ runner: 'run', facts, failures, workers: 2 }))).toContain(rule)
    expect(rules(roundLog({ runner: 'run', facts, afterFaults: gone }))).toContain('the service is down')
    expect(rules(roundLog({ runner: 'run', failures }))).toContain(rule)
  })

  test('is excused once for each client if the supervisor was killed, which relays connections', () => {
    const rule = 'a request failed: reset'
    const one = [failureOf('reset', first)]
    const killed = { runner: 'run', acts: [kill(supervisor, 9)], afterFaults: gone } as const
    expect(rules(roundLog({ ...killed, failures: one }))).not.toContain(rule)
    expect(rules(roundLog({ ...killed, failures: [...one, ...one] }))).toContain(rule)
    expect(rules(roundLog({ runner: 'run', failures: one }))).toContain(rule)
  })

  test('is excused if a proven successor closed the channel that moves its connection', () => {
    const broken = (n: number) =>
      factsOf(
        ...reloaded.slice(0, n),
        [second, 'fault break-channel'],
        ...reloaded.slice(n),
        ...stopped(second),
      )
    const failures = [failureOf('reset', first)]
    expect(rules(roundLog({ facts: broken(8), failures }))).toEqual([])
    expect(rules(roundLog({ facts: broken(7), failures }))).toEqual(['a request failed: reset'])
  })

  test('is never excused for a late or wrong response or for a refusal by a service that must be up', () => {
    const failures = [
      failureOf('timeout'),
      failureOf('wrong-body'),
      failureOf('status'),
      failureOf('refused'),
    ]
    const predecessor = {
      acts: [kill(first, 8)],
      facts: factsOf(...reloaded.slice(0, -2), ...stopped(second)),
    }
    expect(rules(roundLog({ ...predecessor, failures }))).toHaveLength(4)
  })

  test('is excused for a lack of descriptors only on a connection without any response', () => {
    const acts = [{ does: 'limit-descriptors', pid: second, afterIndex: 5, at: 0 }] as const
    expect(rules(roundLog({ acts, failures: [failureOf('reset')] }))).toEqual([])
    expect(rules(roundLog({ acts, failures: [failureOf('reset', first)] }))).toEqual([
      'a request failed: reset',
    ])
  })
})

describe('handover reload', () => {
  const after = (code: number | null, printed: object, facts = factsOf(...reloaded, ...stopped(second))) =>
    rules(
      roundLog({
        facts,
        requested: [{ by: 'command', afterIndex: 2, command: reloadCommand(code, printed) }],
      }),
    )
  const failed = factsOf(...gen1, [first, 'handing-over'], [second, 'started'], [first, 'ready'])

  test('may report what happened', () => {
    expect(after(0, printedReload('handed-over'))).toEqual([])
    expect(after(5, { outcome: 'refused', reports: [] })).toEqual([])
  })

  test('may not report a false success or a false failure', () => {
    expect(after(0, printedReload('handed-over'), failed)).toContain(
      'handover reload reports a false success',
    )
    expect(after(1, printedReload('failed'))).toEqual([
      'handover reload reports a failure, but the successor took over',
    ])
  })

  test('must have an exit code that matches its output', () => {
    const rule = ['handover reload has a wrong exit code or output']
    expect(after(0, printedReload('failed'), failed)).toContain(rule[0])
    expect(after(1, printedReload('handed-over'))).toEqual(rule)
    expect(after(null, {})).toEqual(rule)
    expect(after(139, printedReload('handed-over'))).toEqual(rule)
  })

  test('may report an unknown outcome only after a fault in the process that got its request', () => {
    const rule =
      'handover reload reports an unknown outcome without a fault in the process that got its request'
    expect(after(4, {})).toEqual([rule])
    const requested = [{ by: 'command', afterIndex: 2, command: reloadCommand(4, {}) }] as const
    expect(
      rules(roundLog({ requested, acts: [{ does: 'stop', pid: first, afterIndex: 4, at: 0 }] })),
    ).toEqual([])
  })

  test('must succeed after the faults have ended', () => {
    const lastReload = {
      command: reloadCommand(1, printedReload('failed', second, 103)),
      snapshot: upWith(second),
    }
    expect(rules(roundLog({ lastReload }))).toEqual(['a reload after the faults fails'])
  })
})

test('a process that served may not exit without a fault', () => {
  const facts = factsOf(...reloaded.slice(0, -2), ...stopped(second))
  expect(rules(roundLog({ facts }))).toEqual(['a process that served exited without a fault'])
})

test('a drain that cuts connections is an anomaly', () => {
  const facts = factsOf(...reloaded.slice(0, -2), [first, 'cut'], [first, 'exited'], ...stopped(second))
  expect(rules(roundLog({ facts }))).toEqual(['a drain cut connections'])
})

test('a process or file that is left after the end is an anomaly', () => {
  const left = { running: [second], files: ['service.pid'] }
  expect(rules(roundLog({ left }))).toEqual(['processes remain', 'files remain'])
  const command = { name: 'stop', afterIndex: 9, code: 1, stdout: '', stderr: 'no' } as const
  expect(rules(roundLog({ stop: { by: 'command', afterIndex: 10, command } }))).toEqual([
    'handover stop fails',
  ])
})
