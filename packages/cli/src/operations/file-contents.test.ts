import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { FileContents } from './file-contents.js'

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'handover-contents-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

const namesIn = async (folder: string) =>
  [...(await new FileContents(folder).read()).keys()].map((path) => path.slice(folder.length + 1)).sort()

test('the contents decide, not the time of a change', async () => {
  const folder = folderWith({ 'app.json': '1' })
  const path = join(folder, 'app.json')
  const files = new FileContents(folder)
  const first = await files.read()
  utimesSync(path, new Date(), new Date(0))
  writeFileSync(path, '1')
  expect(await files.read()).toEqual(first)
  // The size and perhaps the time of the change stay the same.
  writeFileSync(path, '2')
  expect(await files.read()).not.toEqual(first)
})

test('the inner folders of a volume and temporary files of editors do not count', async () => {
  const names = ['app.json', '.dockerconfigjson', 'app.json~', '.app.json.swp', '.app.json.swx']
  const folder = folderWith(Object.fromEntries(names.map((name) => [name, ''])))
  mkdirSync(join(folder, '..2026_11_26'))
  writeFileSync(join(folder, '..2026_11_26', 'key'), '')
  symlinkSync('..2026_11_26', join(folder, '..data'))
  symlinkSync('..data/key', join(folder, 'key'))
  expect(await namesIn(folder)).toEqual(['.dockerconfigjson', 'app.json', 'key'])
})

test('a link may lead to a parent, to nothing or to itself', async () => {
  const folder = folderWith({ 'app.json': '' })
  mkdirSync(join(folder, 'more'))
  symlinkSync('..', join(folder, 'more', 'parent'))
  symlinkSync('nothing', join(folder, 'more', 'dangling'))
  symlinkSync('itself', join(folder, 'more', 'itself'))
  expect(await namesIn(folder)).toEqual(['app.json', 'more/itself'])
})

test('a file of more than 16 MiB counts as changed when it was written', async () => {
  const folder = folderWith({ 'big.bin': '' })
  const path = join(folder, 'big.bin')
  truncateSync(path, 2 ** 24 + 1)
  const files = new FileContents(path)
  const first = await files.read()
  expect(await files.read()).toEqual(first)
  truncateSync(path, 2 ** 24 + 2)
  expect(await files.read()).not.toEqual(first)
})

test('more than 1000 files are an error that says what to do', async () => {
  const names = Array.from({ length: 1_001 }, (_, i) => [`${i}.json`, ''] as const)
  await expect(new FileContents(folderWith(Object.fromEntries(names))).read()).rejects.toThrow(
    'it contains more than 1000 files: name the files, or a smaller folder',
  )
})

test('a device is an error', async () => {
  await expect(new FileContents('/dev/null').read()).rejects.toThrow('it is neither a file nor a folder')
})
