import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { platform } from '../platform/process.js'
import { bindPrivately } from './bind-private.js'

test('C53: the control socket has mode 0600 from its creation, and the umask is restored', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'handover-'))
  const server = net.createServer()
  onTestFinished(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })
  const before = process.umask(0)
  let atBirth: number | undefined
  await bindPrivately(server, join(folder, 'a.sock'), {
    withUmask: (mask, make) =>
      platform.withUmask(mask, () => {
        make()
        atBirth = statSync(join(folder, readdirSync(folder).join())).mode & 0o777
      }),
  })
  expect(process.umask(before)).toBe(0)
  expect(atBirth).toBe(0o600)
  expect(readdirSync(folder)).toEqual(['a.sock'])
})

test('the umask is restored when the creation fails', () => {
  const before = process.umask()
  const fail = () => {
    throw new Error('no')
  }
  expect(() => platform.withUmask(0o777, fail)).toThrow('no')
  expect(process.umask()).toBe(before)
})
