// Services whose number of workers changes.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ControlStatus } from '@handover/core/supervision'
import { cli } from './cli.js'
import type { FixtureConfig } from './service.js'
import { startRun } from './supervised.js'
import { tempDir } from './temp-dir.js'

/** A service with `workers` workers. `be` sets how workers behave that start later: see `test/fixtures/release.mjs`. */
export async function startScalable(
  workers: number,
  run: readonly string[] = [],
  { graceful, ...config }: FixtureConfig = {},
) {
  const control = join(tempDir(), 'control')
  const release = join(tempDir(), 'release.json')
  const service = await startRun('http.mjs', {
    run: ['--workers', String(workers), '--control', control, ...run],
    config: { release, ...config, graceful: { probationMs: 50, ...(graceful as object) } },
  })
  return {
    service,
    control,
    be: (how: object) => writeFileSync(release, JSON.stringify(how)),
    beGood: () => rmSync(release),
    /** Workers that start later listen only when the returned function is called. */
    holdStarts: () => {
      const waitFor = join(tempDir(), 'go')
      writeFileSync(release, JSON.stringify({ waitFor }))
      return () => writeFileSync(waitFor, '')
    },
    scale: (to: number | string, ...more: string[]) =>
      cli(['scale', String(to), '--control', control, ...more]),
    status: async (): Promise<ControlStatus> =>
      JSON.parse((await cli(['status', '--json', '--control', control])).stdout),
  }
}
