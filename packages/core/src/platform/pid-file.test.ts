import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { silent } from '../base/logger.js'
import { PidFile } from './pid-file.js'

function inFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'handover-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return { folder, path: join(folder, 'app.pid') }
}

const fileOf = (path: string, pid = 4711) => new PidFile(() => path, pid)
const read = (path: string) => readFileSync(path, 'utf8')

test('the file has one line with the PID and mode 0600, and every write creates a new file', () => {
  const { folder, path } = inFolder()
  fileOf(path, 1).write()
  const { ino, mode } = lstatSync(path)
  expect(mode & 0o777).toBe(0o600)
  fileOf(path).write()
  expect(read(path)).toBe('4711\n')
  expect(lstatSync(path).ino).not.toBe(ino)
  expect(readdirSync(folder)).toEqual(['app.pid'])
})

test('a leftover temporary file is replaced, and a link in its place is not followed', () => {
  const { folder, path } = inFolder()
  const precious = join(folder, 'precious')
  writeFileSync(precious, 'precious')
  symlinkSync(precious, `${path}.4711`)
  fileOf(path).write()
  expect(read(path)).toBe('4711\n')
  expect(lstatSync(path).isFile()).toBe(true)
  expect(read(precious)).toBe('precious')
})

test('a failed write throws an error and leaves no temporary file', () => {
  const { folder, path } = inFolder()
  mkdirSync(path)
  expect(() => fileOf(path).write()).toThrow(
    expect.objectContaining({
      code: 'ERR_HANDOVER_PID_FILE',
      pidFile: path,
      pid: 4711,
      message: `The PID file ${path} could not be written, so it does not name the service (process 4711).`,
      cause: expect.objectContaining({ syscall: 'rename' }),
    }),
  )
  expect(readdirSync(folder)).toEqual(['app.pid'])
})

test('only the process that the file names can remove it', () => {
  const { folder, path } = inFolder()
  const file = fileOf(path)
  file.write()
  fileOf(path, 471).remove()
  expect(read(path)).toBe('4711\n')
  file.remove()
  expect(readdirSync(folder)).toEqual([])
  file.remove()
})

test('no file is written without a path', () => {
  const file = new PidFile(() => undefined, 4711)
  file.write()
  file.writeWithRetries(silent, () => true)
  file.remove()
})

test('a failed write is logged once and retried until it succeeds', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { path } = inFolder()
  mkdirSync(path)
  const lines: string[] = []
  const log = (_facts: object, text: string) => void lines.push(text)
  let owns = true
  const file = fileOf(path)
  file.writeWithRetries({ ...silent, info: log, error: log }, () => owns)
  vi.advanceTimersByTime(2_000)
  rmdirSync(path)
  vi.advanceTimersByTime(1_000)
  expect(read(path)).toBe('4711\n')
  expect(lines).toEqual([
    `The PID file ${path} could not be written, so it does not name the service (process 4711). Retrying every 1000 ms.`,
    `the PID file ${path} names process 4711 now`,
  ])
  file.remove()
  mkdirSync(path)
  file.writeWithRetries(silent, () => owns)
  owns = false
  rmdirSync(path)
  vi.advanceTimersByTime(5_000)
  expect(existsSync(path)).toBe(false)
})
