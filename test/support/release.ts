// A program that a test replaces while it runs, as a deploy does: the next generation runs another text.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ReloadReport } from '@handover/core'
import type { Target } from '@handover/load'
import { askOnce } from './http.js'
import { coreUrl } from './program.js'
import { type Service, type ServiceOptions, startService } from './service.js'
import { tempDir } from './temp-dir.js'

const fixture = (name: string) => new URL(`../fixtures/${name}`, import.meta.url).href

/** An expression: the channel to the process that started this one, which programs do not see. */
export const privateChannel = "globalThis[Symbol.for('handover.early')].channel"

/** Statements: hangs until it is ended. The timer keeps the process; a pending promise alone does not. */
export const hangs = 'setInterval(() => {}, 2 ** 30); await new Promise(() => {})'

/** Statements at the turns of a release that is a good one otherwise. They know `handle`, `server`, `config`, `tell`. */
export interface ReleaseParts {
  /** Before core is loaded; there is no `handle` yet. */
  readonly first?: string
  readonly beforeListen?: string
  readonly afterListen?: string
  /** Options beside those that the configuration has in `graceful`; an expression. */
  readonly options?: string
}

/** The text of a release: an HTTP server with the routes of the fixtures. */
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
    const server = http.createServer(handler(() => handle))
    const handle = graceful(server, { ...config.graceful, ...${options} })
    tellOf(handle)
    ${beforeListen}
    server.listen(config.listen ?? { port: 0, host: '127.0.0.1' })
    await once(server, 'listening')
    tell('listening', { generation: handle.generation, addresses: [server.address()] })
    ${afterListen}
  `
}

/** A service, and the place where its program lies. */
export interface Deployed {
  readonly service: Service
  /** What the next generation runs. */
  deploy(text: string): void
  readonly path: string
  readonly folder: string
}

/** Starts a good release from a folder of its own. The name decides whether Node loads it as CommonJS. */
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

/** What `handle.reload()` came to in the process that answered. */
export interface Outcome {
  readonly code?: string
  readonly message?: string
  readonly report?: ReloadReport
}

/** Calls `handle.reload()` of the serving generation, and waits for what it comes to. */
export async function requestReload(target: Target): Promise<Outcome> {
  return JSON.parse((await askOnce(target, '/reload')).text)
}
