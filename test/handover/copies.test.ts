import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isReady } from '../support/generations.js'
import { installCore } from '../support/installed.js'
import { launchService, type Service, type ServiceOptions } from '../support/service.js'
import { listenersOf } from '../support/sockets.js'
import { tempDir } from '../support/temp-dir.js'

const story = JSON.stringify(new URL('../fixtures/story.mjs', import.meta.url))
const options: ServiceOptions = { config: { graceful: { probationMs: 20 } } }

/** A program and a library, each with its own installation of core. */
function withLibrary(program: string, library: string): { library: string; launch(): Service } {
  const folder = tempDir()
  const inLibrary = join(folder, 'library')
  mkdirSync(inLibrary)
  installCore(folder)
  installCore(inLibrary)
  writeFileSync(join(folder, 'program.mjs'), `import { config, tell, tellOf } from ${story}\n${program}`)
  writeFileSync(join(inLibrary, 'index.cjs'), library)
  return { library: inLibrary, launch: () => launchService(join(folder, 'program.mjs'), options) }
}

const usesLibrary = `
  import http from 'node:http'
  import { graceful } from '@handover/core'
  import library from './library/index.cjs'
  const server = http.createServer()
  const handle = graceful(server, config.graceful)
  tellOf(handle)
  tell('told', library(handle))
  server.listen(0, '127.0.0.1')`

const library = `
  const http = require('node:http')
  const { graceful } = require('@handover/core')
  module.exports = (handle) => {
    const server = http.createServer()
    const own = graceful(server)
    server.listen(0, '127.0.0.1')
    return { isTheSame: own === handle, from: require.resolve('@handover/core') }
  }`

test('C34: two installations in one process form one generation, and the servers of both survive a reload', async () => {
  const { launch } = withLibrary(usesLibrary, library)
  const service = launch()
  await service.event(isReady)
  const told = await service.event('told')
  expect(told.isTheSame).toBe(true)
  expect(told.from).toContain('/library/node_modules/')
  const sockets = listenersOf(service.pid)
  expect(sockets).toHaveLength(2)
  const { from, to } = await service.reload()
  expect(listenersOf(to.pid)).toEqual(sockets)
  await service.exitOf(from.pid)
  service.signal('SIGTERM')
  await service.exitOf(to.pid)
  // One state machine reported its states, not two.
  const ready = service.facts.filter(
    ({ pid, state, onProbation }) => pid === to.pid && state === 'ready' && !onProbation,
  )
  expect(ready).toHaveLength(1)
})

test('C34: core loaded by import and by require is one instance', async () => {
  const { launch } = withLibrary(
    `import { createRequire } from 'node:module'
    import http from 'node:http'
    import { graceful } from '@handover/core'
    const required = createRequire(import.meta.url)('@handover/core')
    const [one, other] = [http.createServer(), http.createServer()]
    const handle = graceful(one, config.graceful)
    tellOf(handle)
    tell('told', { isTheSame: required.graceful(other) === handle })
    for (const server of [one, other]) server.listen(0, '127.0.0.1')`,
    '',
  )
  const service = launch()
  await service.event(isReady)
  expect(await service.event('told')).toMatchObject({ isTheSame: true })
  const sockets = listenersOf(service.pid)
  expect(sockets).toHaveLength(2)
  expect(listenersOf((await service.reload()).to.pid)).toEqual(sockets)
})

test('C34: an installation of another version is rejected with a named error, and the first one keeps working', async () => {
  const { library: inLibrary, launch } = withLibrary(
    usesLibrary,
    `const { graceful } = require('@handover/core')
    const http = require('node:http')
    module.exports = () => {
      try {
        graceful(http.createServer())
      } catch ({ name, code, message, theirs, ours }) {
        return { name, code, message, theirs, ours }
      }
    }`,
  )
  const wire = join(inLibrary, 'node_modules/@handover/core/dist/protocol/version.js')
  const text = readFileSync(wire, 'utf8')
  const version = Number(/wireVersion = (\d+)/.exec(text)?.[1])
  writeFileSync(wire, text.replace(/wireVersion = \d+/, `wireVersion = ${version + 1}`))
  const service = launch()
  await service.event(isReady)
  expect(await service.event('told')).toMatchObject({
    name: 'HandoverError',
    code: 'ERR_HANDOVER_COPIES',
    message: expect.stringContaining(
      `incompatible copies of @handover/core (protocol versions ${version} and ${version + 1})`,
    ),
    theirs: version,
    ours: version + 1,
  })
  expect((await service.reload()).to.generation).toBe(2)
})
