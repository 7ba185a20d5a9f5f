import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { agree } from '../api/agreement.js'
import { silent } from '../base/logger.js'
import { Generation } from '../generation/generation.js'
import { readOrigin } from './launch-context.js'
import { platform, unsupported } from './process.js'

const windows = 'Windows cannot pass a listening socket to another process'

/** A generation on a platform that cannot hand over. `done` records what it does to the process. */
function onWindows() {
  const done: string[] = []
  const fake = {
    ...platform,
    unsupported: () => windows,
    onSignal: (signal: string) => {
      done.push(`listens for ${signal}`)
      return () => {}
    },
    exit: (code: number) => done.push(`exit ${code}`) as never,
  }
  const { listen } = net.Server.prototype
  onTestFinished(() => void Object.assign(net.Server.prototype, { listen }))
  const agreed = agree({}, { logger: false, lingerMs: 0 }, silent, process.cwd())
  const generation = new Generation(agreed, readOrigin(platform), fake)
  generation.start()
  return { generation, done }
}

test('C33: on Windows a reload fails with a clear reason, and the graceful shutdown works', async () => {
  const { generation, done } = onWindows()
  const server = http.createServer()
  generation.await({ server })
  server.listen(0, '127.0.0.1')
  await generation.ready()
  await expect(generation.reload()).rejects.toMatchObject({
    name: 'HandoverError',
    code: 'ERR_HANDOVER_UNSUPPORTED',
    message: `A reload is not possible here: ${windows}. The graceful shutdown works.`,
  })
  await generation.parts.shutdown()
  expect(server.listening).toBe(false)
  await expect.poll(() => done, { timeout: 20_000 }).toContain('exit 0')
  expect(done).toEqual(expect.arrayContaining(['listens for SIGTERM', 'listens for SIGINT']))
})

test("C33: Handover leaves Node's listen unchanged on a platform that cannot hand over", async () => {
  const { generation } = onWindows()
  const folder = mkdtempSync(join(tmpdir(), 'handover-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'app.sock')
  const server = http.createServer()
  generation.await({ server })
  await new Promise<void>((resolve) => void server.listen(path, resolve))
  expect(server.address()).toBe(path)
  await new Promise((resolve) => server.close(resolve))
  // Node removed the file, because it bound exactly this path.
  expect(existsSync(path)).toBe(false)
})

test('C33: the platform names the reason why it cannot hand over', () => {
  const original = Object.getOwnPropertyDescriptor(process, 'platform') ?? {}
  onTestFinished(() => void Object.defineProperty(process, 'platform', original))
  expect(unsupported()).toBeUndefined()
  Object.defineProperty(process, 'platform', { ...original, value: 'win32' })
  expect(unsupported()).toBe(windows)
})
