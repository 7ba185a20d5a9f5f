import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { isReady } from '../support/generations.js'
import { installCore } from '../support/installed.js'
import { launchService, type Service } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'

const story = JSON.stringify(new URL('../fixtures/story.mjs', import.meta.url))

const asModule = {
  file: 'server.mjs',
  text: `import http from 'node:http'
    import { Worker } from 'node:worker_threads'
    import { graceful } from '@handover/core'
    import { config, tell, tellOf } from ${story}
    const server = http.createServer()
    tellOf(graceful(server, config.graceful))
    process.on('SIGUSR2', () => {
      new Worker('', { eval: true }).on('error', ({ message }) => tell('worker', { message })).on('exit', () => tell('worker'))
    })
    server.listen(0, '127.0.0.1', () => tell('release', { release: import.meta.url, cwd: process.cwd() }))`,
}
const asCommonJs = {
  file: 'server.cjs',
  text: `const http = require('node:http')
    const { graceful } = require('@handover/core')
    import(${story}).then(({ config, tell, tellOf }) => {
      const server = http.createServer()
      tellOf(graceful(server, config.graceful))
      server.listen(0, '127.0.0.1', () => tell('release', { release: 'file://' + __filename, cwd: process.cwd() }))
    })`,
}

/** A folder with releases and a `current` link. */
function releases({ file, text }: typeof asModule) {
  const root = tempDir()
  const folderOf = (release: number) => join(root, `release-${release}`)
  return {
    root,
    folderOf,
    deploy(release: number, program = text) {
      mkdirSync(folderOf(release))
      installCore(folderOf(release))
      writeFileSync(join(folderOf(release), file), program)
      // A rename replaces the link atomically.
      symlinkSync(`release-${release}`, join(root, 'next'))
      renameSync(join(root, 'next'), join(root, 'current'))
    },
    remove: (release: number) => rmSync(folderOf(release), { recursive: true }),
    /** Starts the service as a shell does: changes to the directory `cd` and runs `program` there. */
    async start(cd: string, program: string): Promise<Service> {
      const service = launchService('http.mjs', {
        config: { graceful: { probationMs: 20 } },
        shell: `cd '${cd}' && shift && set -- '${program}' "$@" &&`,
      })
      await service.event(isReady)
      return service
    },
  }
}

const starts: readonly [string, (root: string) => [string, string]][] = [
  ['from within the link', (root) => [join(root, 'current'), './server']],
  ['by its absolute path', (root) => ['/', join(root, 'current', 'server')]],
  ['from above the link', (root) => [root, join('current', 'server')]],
  [
    'by its absolute path, from within the link',
    (root) => [join(root, 'current'), join(root, 'current', 'server')],
  ],
]

const programs = [asModule, asCommonJs].flatMap((program) =>
  starts.map(([how, where]) => [how, program.file, { program, where }] as const),
)

test.each(programs)(
  'C29: a service started %s (%s) reloads to the release that the link points to by then',
  async (_how, _file, { program, where }) => {
    const { root, deploy, remove, start, folderOf } = releases(program)
    deploy(1)
    const [cd, script] = where(root)
    const service = await start(cd, script + program.file.replace('server', ''))
    expect(await releaseOf(service, service.pid)).toMatchObject({ release: 'release-1' })

    deploy(2)
    const second = await service.reload()
    expect(await releaseOf(service, second.to.pid)).toMatchObject({ release: 'release-2' })
    await service.exitOf(second.from.pid)
    remove(1)

    // The running release is already removed, including its copy of core.
    deploy(3)
    remove(2)
    const third = await service.reload()
    const inLink = cd === join(root, 'current')
    expect(await releaseOf(service, third.to.pid)).toMatchObject({
      release: 'release-3',
      cwd: inLink ? folderOf(3) : cd,
    })
  },
)

test('C29: a worker thread starts in a successor after its predecessor has exited and its release is removed', async () => {
  const { root, deploy, remove, start } = releases(asModule)
  deploy(1)
  const service = await start(join(root, 'current'), 'server.mjs')
  deploy(2)
  const { from, to } = await service.reload()
  await service.exitOf(from.pid)
  remove(1)
  service.signal('SIGUSR2', to.pid)
  expect((await service.event('worker')).message).toBeUndefined()
})

test('C29: a release that failed and was removed does not matter: the next reload runs the new one', async () => {
  const { root, deploy, remove, start } = releases(asModule)
  deploy(1)
  const service = await start(join(root, 'current'), 'server.mjs')
  deploy(2, `throw new Error('a bad release')`)
  await expect(service.reload()).rejects.toThrow('a bad release')
  deploy(3)
  remove(2)
  const { to } = await service.reload()
  expect(await releaseOf(service, to.pid)).toMatchObject({ release: 'release-3' })
})

test('C29: a missing directory fails the reload; the next one succeeds when the directory exists again', async () => {
  const { root, deploy, remove, start } = releases(asModule)
  deploy(1)
  const service = await start(join(root, 'current'), 'server.mjs')
  remove(1)
  await expect(service.reload()).rejects.toThrow(
    `ERR_HANDOVER_PROGRAM_MISSING The working directory of the new process, ${root}/current, does not exist.`,
  )
  deploy(2)
  const { to } = await service.reload()
  expect(await releaseOf(service, to.pid)).toMatchObject({ release: 'release-2' })
})

async function releaseOf(service: Service, of: number): Promise<{ release: string; cwd: unknown }> {
  const { release, cwd } = await service.event(({ event, pid }) => event === 'release' && pid === of)
  return { release: basename(new URL('.', String(release)).pathname), cwd }
}
