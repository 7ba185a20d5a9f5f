// A service under handover run --watch-files whose workers read a file when they start.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cli } from './cli.js'
import { isProven } from './generations.js'
import { release } from './release.js'
import type { Service } from './service.js'
import { startRun } from './supervised.js'
import { tempDir } from './temp-dir.js'

/** Reads the settings as a server does, and prints the value. A value that is not JSON ends the start. */
const readSettings = `
  const { existsSync, readFileSync } = await import('node:fs')
  const { value, waitFor } = JSON.parse(readFileSync(config.settings, 'utf8'))
  tell('settings', { value })
  while (waitFor && !existsSync(waitFor)) await new Promise((resolve) => setTimeout(resolve, 10))
`

export interface Watching {
  readonly service: Service
  /** The output of `handover status`. */
  status(): Promise<string>
  /** The log lines that announce a reload. */
  reasons(): string[]
  /** Resolves with the generation that has this value, when it is proven. */
  serves(value: number): Promise<number>
}

/** Starts a service that watches `paths` and reads `settings`. */
export async function startWatching(
  settings: string,
  paths: readonly string[] = [settings],
  run: readonly string[] = [],
): Promise<Watching> {
  const cwd = tempDir()
  const program = join(cwd, 'server.mjs')
  writeFileSync(program, release({ first: readSettings }))
  const service = await startRun(program, {
    config: { settings, graceful: { probationMs: 50 } },
    cwd,
    run: [...run, ...paths.flatMap((path) => ['--watch-files', path])],
  })
  return {
    service,
    status: async () => (await cli(['status'], { cwd })).stdout,
    reasons: () =>
      [...service.output.matchAll(/^handover\[\d+\] (.* changed): reloading$/gm)].map(([, why = '']) => why),
    async serves(value) {
      const { pid } = await service.event((fact) => fact.event === 'settings' && fact.value === value)
      const { generation = 0 } = await service.event(isProven(pid))
      return generation
    },
  }
}

export const settingsOf = (value: number, more: object = {}): string => JSON.stringify({ value, ...more })
