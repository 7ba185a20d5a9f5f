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
import { fileTypeAt, isServed, maxPathBytes, nameBeside, putInPlace, remove } from './socket-file.js'

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

/** Leaves a socket file that no process serves: Node removes only the name that it bound. */
async function stale(path: string): Promise<void> {
  const server = await listen(`${path}.bound`)
  putInPlace(`${path}.bound`, path)
  await new Promise((resolve) => server.close(resolve))
}

test('fileTypeAt distinguishes nothing, a socket and other files', async () => {
  const folder = tempDir()
  await listen(join(folder, 'socket'))
  writeFileSync(join(folder, 'file'), '')
  symlinkSync('socket', join(folder, 'link'))
  const fileType = (name: string) => fileTypeAt(join(folder, name))
  expect(['missing', 'socket', 'file', 'link', '.'].map(fileType)).toEqual([
    'nothing',
    'socket',
    'other',
    'other',
    'other',
  ])
})

test('a path is served if a process accepts connections there', async () => {
  const folder = tempDir()
  await listen(join(folder, 'served'))
  await stale(join(folder, 'stale'))
  expect(await isServed(join(folder, 'served'))).toBe(true)
  expect(await isServed(join(folder, 'stale'))).toBe(false)
  expect(await isServed(join(folder, 'missing'))).toBe(false)
})

test('nameBeside returns a different free and hidden name in the same folder each time', () => {
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
  'nameBeside does not exceed the longest path when the last part has %i bytes',
  (last) => {
    const base = tempDir()
    const folder = join(base, 'x'.repeat(maxPathBytes - `${base}//`.length - last))
    const path = join(folder, 'y'.repeat(last))
    expect(path).toHaveLength(maxPathBytes)
    const name = nameBeside(path) ?? ''
    expect(name.length).toBeLessThanOrEqual(maxPathBytes)
    expect(dirname(name)).toBe(folder)
  },
)

test('nameBeside counts bytes, not characters', () => {
  const path = join('/', 'é'.repeat(50), 'socket')
  expect(Buffer.byteLength(nameBeside(path) ?? '')).toBeLessThanOrEqual(maxPathBytes)
})

test('nameBeside returns undefined if all short names are taken, and never the path itself', () => {
  const base = tempDir()
  const folder = join(base, 'x'.repeat(maxPathBytes - `${base}//y`.length))
  mkdirSync(folder)
  for (const letter of '0123456789abcdefghijklmnopqrstuvwxz') writeFileSync(join(folder, letter), '')
  expect(nameBeside(join(folder, 'y'))).toBeUndefined()
})

test('remove deletes a socket only while the path still leads to the same file', async () => {
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

  writeFileSync(path, 'of another program')
  remove(file)
  expect(existsSync(path)).toBe(true)
})

test('putInPlace resolves a relative path', async () => {
  const folder = tempDir()
  const before = process.cwd()
  process.chdir(folder)
  onTestFinished(() => process.chdir(before))
  await listen('.bound')
  expect(putInPlace('.bound', 'app.sock').path).toBe(join(process.cwd(), 'app.sock'))
})
