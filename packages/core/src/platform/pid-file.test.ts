import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { removePidFile, writePidFile } from './pid-file.js'

function inFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'handover-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return { folder, path: join(folder, 'app.pid') }
}

const read = (path: string) => readFileSync(path, 'utf8')

test('it is a line with the pid, for its owner alone, and another file each time', () => {
  const { folder, path } = inFolder()
  writePidFile(path, 1)
  const { ino, mode } = lstatSync(path)
  expect(mode & 0o777).toBe(0o600)
  writePidFile(path, 4711)
  expect(read(path)).toBe('4711\n')
  expect(lstatSync(path).ino).not.toBe(ino)
  expect(readdirSync(folder)).toEqual(['app.pid'])
})

test('what an earlier process left beside it is replaced, and a link there is not followed', () => {
  const { folder, path } = inFolder()
  const precious = join(folder, 'precious')
  writeFileSync(precious, 'precious')
  symlinkSync(precious, `${path}.4711`)
  writePidFile(path, 4711)
  expect(read(path)).toBe('4711\n')
  expect(lstatSync(path).isFile()).toBe(true)
  expect(read(precious)).toBe('precious')
})

test('what cannot be written is an error by name, and leaves nothing', () => {
  const { folder, path } = inFolder()
  mkdirSync(path)
  expect(() => writePidFile(path, 4711)).toThrow(
    expect.objectContaining({
      code: 'ERR_HANDOVER_PID_FILE',
      pidFile: path,
      pid: 4711,
      message: `The PID file ${path} could not be written; it does not name process 4711, which serves.`,
      cause: expect.objectContaining({ syscall: 'rename' }),
    }),
  )
  expect(readdirSync(folder)).toEqual(['app.pid'])
})

test('it is removed by the process that it names, and by no other', () => {
  const { folder, path } = inFolder()
  writePidFile(path, 4711)
  removePidFile(path, 471)
  expect(read(path)).toBe('4711\n')
  removePidFile(path, 4711)
  expect(readdirSync(folder)).toEqual([])
  removePidFile(path, 4711)
})
