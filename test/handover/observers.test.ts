import { expect, test } from 'vitest'
import { startProgram } from '../support/program.js'

test('the error of an observer is logged, and the other observers still run', async () => {
  const service = await startProgram(
    `const handle = graceful(config.graceful)
    const fail = () => { throw new Error('of an observer') }
    for (const event of ['state', 'handed-over', 'report', 'reload-failed', 'predecessor-finished']) handle.on(event, fail)
    tellOf(handle)
    handle.on('predecessor-finished', () => tell('predecessor-finished'))
    setInterval(() => {}, 60_000)`,
    { config: { graceful: { probationMs: 20 } } },
  )
  const { from } = await service.reload()
  await service.exitOf(from.pid)
  await service.event('predecessor-finished')
  expect(service.facts.map(({ event }) => event)).toEqual(expect.arrayContaining(['handed-over', 'report']))
  for (const event of ['state', 'handed-over', 'report', 'predecessor-finished'])
    await service.line(new RegExp(`an observer of '${event}' threw: of an observer`))
})
