import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { isServed, longestPath, nameBeside, putInPlace, remove, whatLiesAt } from './socket-file.js'

function tempDir(): string {
  const path = mkdtempSync(join(tmpdir(), 'handover-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

async function listen(path: string): Promise<net.Server> {
  const server = net.createServer((socket) => socket.end())
  onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => void server.listen(path, resolve))
  return server
}

/** A socket file that nobody serves any more: Node removes only the name that it bound. */
async function stale(path: string): Promise<void> {
  const server = await listen(`${path}.bound`)
  putInPlace(`${path}.bound`, path)
  await new Promise((resolve) => server.close(resolve))
}

test('what lies at a path is nothing, a socket, or something else', async () => {
  const folder = tempDir()
  await listen(join(folder, 'socket'))
  writeFileSync(join(folder, 'file'), '')
  symlinkSync('socket', join(folder, 'link'))
  const lies = (name: string) => whatLiesAt(join(folder, name))
  expect(['missing', 'socket', 'file', 'link', '.'].map(lies)).toEqual([
    'nothing',
    'socket',
    'other',
    'other',
    'other',
  ])
})

test('a path is served when somebody accepts there', async () => {
  const folder = tempDir()
  await listen(join(folder, 'served'))
  await stale(join(folder, 'stale'))
  expect(await isServed(join(folder, 'served'))).toBe(true)
  expect(await isServed(join(folder, 'stale'))).toBe(false)
  expect(await isServed(join(folder, 'missing'))).toBe(false)
})

test('a name beside is in the same folder, free, hidden, and another one each time', () => {
  const path = join(tempDir(), 'app.sock')
  const names = Array.from({ length: 20 }, () => nameBeside(path) ?? '')
  expect(new Set(names).size).toBe(20)
  for (const name of names) {
    expect(dirname(name)).toBe(dirname(path))
    expect(basename(name)).toMatch(/^\.[0-9a-z]{4,8}$/)
    expect(existsSync(name)).toBe(false)
  }
})

test.each([1, 2, 8, 20])(
  'a name beside a path of full length, %i bytes in the last part, is not too long',
  (last) => {
    const base = tempDir()
    const folder = join(base, 'x'.repeat(longestPath - `${base}//`.length - last))
    const path = join(folder, 'y'.repeat(last))
    expect(path).toHaveLength(longestPath)
    const name = nameBeside(path) ?? ''
    expect(name.length).toBeLessThanOrEqual(longestPath)
    expect(dirname(name)).toBe(folder)
  },
)

test('bytes count, not letters', () => {
  const path = join('/', 'é'.repeat(50), 'socket')
  expect(Buffer.byteLength(nameBeside(path) ?? '')).toBeLessThanOrEqual(longestPath)
})

test('there is none where all short names are taken, and it is never the path itself', () => {
  const base = tempDir()
  const folder = join(base, 'x'.repeat(longestPath - `${base}//y`.length))
  mkdirSync(folder)
  for (const letter of '0123456789abcdefghijklmnopqrstuvwxz') writeFileSync(join(folder, letter), '')
  expect(nameBeside(join(folder, 'y'))).toBeUndefined()
})

test('a socket that was put in place is removed, once, and only while it is that file', async () => {
  const folder = tempDir()
  const path = join(folder, 'app.sock')
  await listen(join(folder, '.bound'))
  const file = putInPlace(join(folder, '.bound'), path)
  expect(readdirSync(folder)).toEqual(['app.sock'])
  const { dev, ino } = lstatSync(path)
  expect(file).toEqual({ path, identity: `${dev}:${ino}` })

  remove({ path })
  remove({ path, identity: '1:1' })
  expect(existsSync(path)).toBe(true)
  remove(file)
  expect(existsSync(path)).toBe(false)
  remove(file)

  writeFileSync(path, 'of somebody else')
  remove(file)
  expect(existsSync(path)).toBe(true)
})

test('a path that was relative is absolute from then on', async () => {
  const folder = tempDir()
  const before = process.cwd()
  process.chdir(folder)
  onTestFinished(() => process.chdir(before))
  await listen('.bound')
  expect(putInPlace('.bound', 'app.sock').path).toBe(join(process.cwd(), 'app.sock'))
})
