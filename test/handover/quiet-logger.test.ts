// A framework whose logger is off: what an operator must know still reaches standard error.
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { isReady } from '../support/generations.js'
import { programFile } from '../support/program.js'
import { launchService } from '../support/service.js'

const { resolve } = createRequire(import.meta.url)
const urlOf = (name: string) => pathToFileURL(resolve(name)).href

const withLogger = (options: string) => `
  import Fastify from '${urlOf('fastify')}'
  import adapter from '${urlOf('@handover/fastify')}'
  const app = Fastify(${options})
  await app.register(adapter, config.graceful)
  tellOf(app.graceful)
  await app.listen({ port: 0, host: '127.0.0.1' })`

async function failReload(options: string): Promise<string> {
  const path = programFile(withLogger(options))
  const service = launchService(path, {})
  await service.event(isReady)
  writeFileSync(path, 'process.exit(3)')
  service.signal('SIGHUP')
  await service.event('reload-failed')
  return service.output.replace(/^\{"event".*\n/gm, '')
}

test('a failed reload is on standard error if the logger of Fastify is off, and nothing else is', async () => {
  const output = await failReload('')
  expect(output).toMatch(/^handover\[\d+\] .*exited with code 3 before it was ready/m)
  expect(output).not.toMatch(/is ready$/m)
})

test('a logger of Fastify with the level silent stays silent', async () => {
  expect(await failReload(`{ logger: { level: 'silent' } }`)).not.toMatch(/handover/)
})
