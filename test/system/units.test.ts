// The units of examples/systemd and of the guides: systemd reads each of them without a complaint.
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { blocksOf, pages, root } from '../docs/pages.js'
import { exampleFile, startManager } from '../support/systemd-manager.js'

const isUnit = (name: string) => /\.(service|socket)$/.test(name)
const units = readdirSync(`${root}/examples/systemd`).filter(isUnit)
/** Blocks that begin with the name of a unit as a comment, such as `# app.service`. */
const blocks = pages()
  .flatMap(blocksOf)
  .filter(({ lang }) => lang === 'ini')
  .map(({ page, line, code }) => ({ where: `${page}:${line}`, name: /^# (\S+)/.exec(code)?.[1] ?? '', code }))

/** Each setting of a unit with its section. */
function settingsOf(unit: string): string[] {
  let section = ''
  return unit.split('\n').flatMap((line) => {
    if (line.startsWith('[')) section = line
    return /^\w+=/.test(line) ? [`${section} ${line}`] : []
  })
}

test('systemd accepts the units of the example', async () => {
  const manager = await startManager()
  for (const name of units) manager.install(name)
  const files = units.map((name) => `/srv/units/${name}`)
  expect(await manager.run('systemd-analyze', 'verify', '--man=no', ...files)).toEqual({
    code: 0,
    output: '',
  })
})

test.each(['app.service', 'workers.service'])('systemd rates the exposure of %s as OK', async (name) => {
  const manager = await startManager()
  manager.install(name)
  const offline = ['security', '--offline=true', '--threshold=20', '--no-pager', `/srv/units/${name}`]
  const { code, output } = await manager.run('systemd-analyze', ...offline)
  expect(output).toMatch(/Overall exposure level for \S+: [01]\.\d OK/)
  expect(code).toBe(0)
})

test.each(blocks)('the unit in $where has only settings of the example', ({ name, code }) => {
  expect(units).toContain(name)
  expect(settingsOf(exampleFile(name))).toEqual(expect.arrayContaining(settingsOf(code)))
})
