// A service with a control socket.
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type FixtureConfig, type Service, startService } from './service.js'
import { tempDir } from './temp-dir.js'
import { until } from './until.js'

export interface Controlled {
  readonly folder: string
  /** The path of the control socket. */
  readonly path: string
  readonly service: Service
  /** Sets how the next generation behaves: see `test/fixtures/release.mjs`. */
  next(behavior: object): void
  /** The next generation listens only when the returned function is called. */
  holdNext(): () => void
}

/** Starts `http.mjs` and waits for its control socket. */
export async function startControlled(
  graceful: object = {},
  config: FixtureConfig = {},
  fixture = 'http.mjs',
): Promise<Controlled> {
  const folder = tempDir()
  const path = join(folder, 'control.sock')
  const release = join(tempDir(), 'release')
  const service = await startService(fixture, {
    config: { graceful: { probationMs: 50, control: path, ...graceful }, release, ...config },
  })
  await until('the control socket exists', () => readdirSync(folder).includes('control.sock'))
  const next = (behavior: object) => writeFileSync(release, JSON.stringify(behavior))
  const holdNext = () => {
    const waitFor = join(tempDir(), 'go')
    next({ waitFor })
    return () => writeFileSync(waitFor, '')
  }
  return { folder, path, service, next, holdNext }
}
