// A Redis server of its own for a test.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { freePort } from './free-port.js'
import { tempDir } from './temp-dir.js'

/** Starts Redis, which stores nothing. Resolves with its port when it serves. */
export async function startRedis(): Promise<number> {
  const port = await freePort()
  const options = { port: `${port}`, bind: '127.0.0.1', save: '', appendonly: 'no', dir: tempDir() }
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
  const redis = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(async () => {
    redis.kill()
    if (redis.exitCode === null && redis.signalCode === null) await once(redis, 'exit')
  })
  for await (const line of createInterface(redis.stdout))
    if (/Ready to accept connections/.test(line)) return port
  throw new Error('redis-server ended before it was ready')
}
