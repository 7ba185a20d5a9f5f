// A program that a test replaces while it runs, as a deploy does. The next generation runs the new text.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ReloadReport } from '@handover/core'
import type { Target } from '@handover/load'
import { askOnce } from './http.js'
import { coreUrl } from './program.js'
import { type Service, type ServiceOptions, startService } from './service.js'
import { tempDir } from './temp-dir.js'

const fixture = (name: string) => new URL(`../fixtures/${name}`, import.meta.url).href

/** An expression for the channel to the process that started this one. Handover hides it from programs. */
export const privateChannel = "globalThis[Symbol.for('handover.early')].channel"

/** Statements that hang until the process is killed. The timer keeps the process alive; a pending promise does not. */
export const hangs = 'setInterval(() => {}, 2 ** 30); await new Promise(() => {})'

/** Statements that stop a successor, as with SIGSTOP, before its predecessor knows that it is ready. */
export const stopsWhenReady =
  "handle.on('state', ({ onProbation }) => onProbation && process.kill(process.pid, 'SIGSTOP'))"

/** Statements to insert into an otherwise good release. They can use `handle`, `server`, `config` and `tell`. */
export interface ReleaseParts {
  /** Runs before core is loaded, when `handle` does not exist yet. */
  readonly first?: string
  readonly beforeListen?: string
  readonly afterListen?: string
  /** An expression for options in addition to `graceful` in the configuration. */
  readonly options?: string
}

/** The text of a release: an HTTP server with the fixtures' routes. */
export function release({
  first = '',
  beforeListen = '',
  afterListen = '',
  options = '{}',
}: ReleaseParts = {}): string {
  return `
    import { once } from 'node:events'
    import http from 'node:http'
    import { config, tell, tellOf } from '${fixture('story.mjs')}'
    import { handler } from '${fixture('routes.mjs')}'
    tell('started')
    ${first}
    const { graceful } = await import('${coreUrl}')
    const server = http.createServer(config.server ?? {}, handler(() => handle))
    const handle = graceful(server, { ...config.graceful, ...${options} })
    tellOf(handle)
    ${beforeListen}
    server.listen(config.listen ?? { port: 0, host: '127.0.0.1' })
    await once(server, 'listening')
    tell('listening', { generation: handle.generation, addresses: [server.address()] })
    ${afterListen}
  `
}

/** A service and the file with its program. */
export interface Deployed {
  readonly service: Service
  /** Replaces the program that the next generation runs. */
  deploy(text: string): void
  readonly path: string
  readonly folder: string
}

/** Starts a good release in its own folder. The file name decides whether Node loads it as CommonJS. */
export async function startRelease(
  options: ServiceOptions & { readonly name?: string; readonly text?: string } = {},
): Promise<Deployed> {
  const { name = 'server.mjs', text = release(), ...more } = options
  const folder = tempDir()
  const path = join(folder, name)
  const deploy = (next: string) => writeFileSync(path, next)
  deploy(text)
  return { service: await startService(path, more), deploy, path, folder }
}

/** The result of `handle.reload()` in the process that answered. */
export interface Outcome {
  readonly code?: string
  readonly message?: string
  readonly report?: ReloadReport
}

/** Calls `handle.reload()` in the serving generation and waits for the result. */
export async function requestReload(target: Target): Promise<Outcome> {
  return JSON.parse((await askOnce(target, '/reload')).text)
}
