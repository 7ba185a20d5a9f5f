// Every event of the handle is also published on a diagnostics channel, and docs/reference/events.md has all its fields.
import { RawConnection } from '@handover/load'
import { expect, test } from 'vitest'
import { codeWords, read, tableBelow } from '../docs/pages.js'
import { isHandedOver, isProven } from '../support/generations.js'
import { askOnce } from '../support/http.js'
import { privateChannel, release, requestReload, startRelease } from '../support/release.js'
import type { Fact } from '../support/story.js'
import { until } from '../support/until.js'

const page = 'docs/reference/events.md'
const channels = tableBelow(page, 'Without a handle').map(([name = '']) => codeWords(name)[0] ?? '')
const events = tableBelow(page, 'Events').map(([name = '']) => codeWords(name)[0] ?? '')

type Table = ReadonlyMap<string, ReadonlySet<string>>

/** The documented types of each field below a heading. */
const documented = (heading: string): Table =>
  new Map(
    tableBelow(page, heading).map(([field = '', type = '']) => [
      codeWords(field)[0] ?? '',
      new Set(type.replace(/ \(.*\)/, '').split(' or ')),
    ]),
  )
const headings = ['A state', 'An error', 'A report of a reload', 'A final report']
/** The heading of the table for the message of each channel. */
const headingOf = new Map(
  tableBelow(page, 'Without a handle').map(([name = '', link = '']) => [
    codeWords(name)[0],
    headings.find((heading) => link.includes(heading.toLowerCase().replaceAll(' ', '-'))) ?? '',
  ]),
)

/** Prints the events of the handle as `observed`. */
const observes = `
  const { fieldsOf } = await import('${new URL('../fixtures/channels.mjs', import.meta.url)}')
  for (const event of ${JSON.stringify(events)})
    handle.on(event, (message) => tell('observed', { channel: 'handover:' + event, fields: fieldsOf(message) }))
`
const good = release({ beforeListen: observes })

/** The facts of all generations after a good, a failed and two rolled-back reloads, and a stop that is cut short. */
async function publishedFacts(): Promise<readonly Fact[]> {
  const { service, deploy } = await startRelease({
    text: good,
    config: { graceful: { probationMs: 300 } },
    execArgv: ['--import', new URL('../fixtures/channels.mjs', import.meta.url).href],
    env: { CHANNELS: channels.join(' ') },
  })
  const { target } = service
  const { from, to } = await service.reload()
  await service.exitOf(from.pid)

  const misfit = `${privateChannel}.send({ foreign: true }); throw Object.assign(new Error('no'), { code: 'ENO' })`
  deploy(release({ first: misfit }))
  expect(await requestReload(target)).toMatchObject({ code: 'ERR_HANDOVER_SUCCESSOR_EXITED' })

  // When it has sent that it is ready.
  const die = "handle.on('state', () => queueMicrotask(() => process.kill(process.pid, 'SIGKILL')))"
  deploy(release({ beforeListen: die }))
  expect(await requestReload(target)).toMatchObject({ code: 'ERR_HANDOVER_PROBATION' })

  deploy(good)
  const busy = await RawConnection.connect(target)
  await busy.write('GET /slow?ms=600000 HTTP/1.1\r\nHost: test\r\n\r\n')
  await until(
    'both requests are in flight',
    async () => JSON.parse((await askOnce(target, '/state')).text).connections.inFlight === 2,
  )
  const afterIndex = service.lastIndex
  service.signal('SIGHUP', to.pid)
  await service.event(isHandedOver, { afterIndex })
  const { pid, index } = await service.event((fact) => fact.pid !== to.pid && isProven(fact.pid)(fact), {
    afterIndex,
  })
  // It publishes the event after all observers have printed it.
  await service.event((fact) => fact.pid === pid && fact.event === 'published', { afterIndex: index })
  service.signal('SIGKILL', pid)
  await service.event('reload-failed', { afterIndex })

  const beforeStop = service.lastIndex
  service.signal('SIGTERM', to.pid)
  await service.event(({ state }) => state === 'draining', { afterIndex: beforeStop })
  service.signal('SIGTERM', to.pid)
  await service.exitOf(to.pid)
  return service.facts
}

/** The published types of each field, by the heading of its table. */
function publishedFields(facts: readonly Fact[]): Map<string, Map<string, Set<string>>> {
  const tables = new Map(headings.map((heading) => [heading, new Map<string, Set<string>>()]))
  const add = (heading: string, field: string, type: string) => {
    const table = tables.get(heading)
    table?.set(field, (table.get(field) ?? new Set()).add(type))
  }
  for (const { channel, fields } of facts.filter(({ event }) => event === 'published')) {
    for (const [path, type] of fields as [string, string][]) {
      const field = path.replace(/\b(http1|https|http2|raw|upgraded)\b(?=\.)/, 'KIND')
      const [, inner, ofReport] = /^(report|reload)\.(.*)/.exec(field) ?? []
      add(headingOf.get(channel as string) ?? '', inner ?? field, inner ? 'object' : type)
      if (ofReport) add('A report of a reload', ofReport, type)
    }
  }
  return tables
}

test('every event of the handle is published, and the page lists exactly the published fields and their types', async () => {
  expect(channels).toEqual(events.map((event) => `handover:${event}`))
  const facts = await publishedFacts()
  const of = (name: string, pid: number) =>
    facts.flatMap(({ event, pid: by, channel, fields }) =>
      event === name && by === pid ? [[channel, fields]] : [],
    )
  const observing = new Set(facts.filter(({ event }) => event === 'observed').map(({ pid }) => pid))
  expect(observing.size).toBeGreaterThan(1)
  for (const pid of observing) expect(of('published', pid)).toEqual(of('observed', pid))

  const published = publishedFields(facts)
  // The facts of an error depend on its code: docs/reference/errors.md.
  for (const [, name] of read('packages/core/src/base/error-facts.ts').matchAll(/readonly (\w+)\?/g))
    if (name !== 'report') published.get('An error')?.delete(name as string)
  for (const heading of headings) {
    const sorted = (table: Table = new Map()) =>
      [...table].map(([field, types]) => [field, [...types].sort()]).sort()
    expect(sorted(published.get(heading)), heading).toEqual(sorted(documented(heading)))
  }
})
