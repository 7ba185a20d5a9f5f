// The guides show the files of examples/deploy, which test/system runs.
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { blocksOf, read, root } from './pages.js'

const guides = ['docs/guides/deploying.md', 'docs/guides/deploy-recipes.md']
const files = readdirSync(`${root}/examples/deploy`, { recursive: true, encoding: 'utf8' }).filter((path) =>
  /\.(sh|yml|cfg|ini)$/.test(path),
)

test.each(files)('a guide shows all of examples/deploy/%s', (path) => {
  // A block may begin with the name of its file.
  const blocks = guides.flatMap(blocksOf).map(({ code }) => code.replace(/^# [\w.]+\n/, ''))
  expect(blocks).toContain(read(`examples/deploy/${path}`))
})

test('the guides show no script that is not a file', () => {
  const texts = files.map((path) => read(`examples/deploy/${path}`))
  const scripts = guides.flatMap(blocksOf).filter(({ code }) => code.startsWith('#!'))
  expect(scripts.map(({ code }) => code).filter((code) => !texts.includes(code))).toEqual([])
})
