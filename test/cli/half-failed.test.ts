// A release whose first worker becomes ready and whose second worker fails, under `handover run`.
import { copyFileSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cli } from '../support/cli.js'
import { programFile } from '../support/program.js'
import type { Service } from '../support/service.js'
import { accepting, startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'

/** A program that reports `release` as its name. With a path in `once`, only its first process becomes ready. */
const program = (release: string, once?: string): string =>
  programFile(`
  import { existsSync, writeFileSync } from 'node:fs'
  import http from 'node:http'
  const once = ${JSON.stringify(once ?? null)}
  if (once && existsSync(once)) throw new Error('a bad release')
  if (once) writeFileSync(once, '')
  const server = http.createServer()
  tellOf(graceful(server, config.graceful))
  server.listen({ port: 0, host: '127.0.0.1' }, () =>
    tell('listening', { release: '${release}', addresses: [server.address()] }))`)

/** Starts a service of two workers through a link, and then points the link at another release. */
async function deployed() {
  const root = tempDir()
  const control = join(root, 'control')
  const deploy = (release: string, file: string) => {
    mkdirSync(join(root, release))
    copyFileSync(file, join(root, release, 'server.mjs'))
    symlinkSync(release, join(root, 'next'))
    renameSync(join(root, 'next'), join(root, 'current'))
  }
  deploy('one', program('one'))
  const service = await startRun(join(root, 'current', 'server.mjs'), {
    run: ['--workers', '2', '--control', control],
    config: { graceful: { probationMs: 20 } },
  })
  deploy('two', program('two', join(root, 'once')))
  return { root, control, service }
}

/** The releases of the workers that accept connections. */
const releases = (service: Service) =>
  accepting(service).map(
    (pid) => service.facts.find((fact) => fact.event === 'listening' && fact.pid === pid)?.release,
  )

test('C54: after a failed reload, workers that were already replaced return to their previous release', async () => {
  const { control, service, root } = await deployed()
  const { code, stderr } = await cli(['reload', '--control', control])
  expect(code).toBe(1)
  expect(stderr).toContain('a bad release')
  expect(stderr).toContain(`All workers run the previous release, ${join(root, 'one', 'server.mjs')}.`)
  expect(releases(service)).toEqual(['one', 'one'])
})

test('C54: when the previous release no longer exists, the error names it and every worker keeps serving', async () => {
  const { control, service, root } = await deployed()
  rmSync(join(root, 'one'), { recursive: true })
  const { code, stderr } = await cli(['reload', '--control', control])
  expect(code).toBe(1)
  expect(stderr).toMatch(/Workers on the new release: 1, because the previous one cannot be restored:/)
  expect(stderr).toContain(`${join(root, 'one')}`)
  expect(releases(service).sort()).toEqual(['one', 'two'])
})
