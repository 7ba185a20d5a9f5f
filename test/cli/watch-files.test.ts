// Under handover run --watch-files, changed contents of files start a reload, and no request fails.
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cli } from '../support/cli.js'
import { writeVolume } from '../support/kubernetes-volume.js'
import { underLoad } from '../support/load.js'
import { settingsOf, startWatching } from '../support/settings.js'
import { rollWorkers } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'

/** How a file with settings may change. Each function gets the folder, and a value that is new each time. */
interface Change {
  readonly first: (folder: string) => void
  readonly next?: (folder: string, value: number) => void
  /** What to watch in the folder. Default: the file. */
  readonly watched?: string
  readonly changed?: string
}

const write = (path: string, value: number) => writeFileSync(path, settingsOf(value))

/** Renames a new link over the old one, as `ln -sfn` and deploys do. */
function link(target: string, path: string): void {
  symlinkSync(target, `${path}.new`)
  renameSync(`${path}.new`, path)
}

function replaceVolume(folder: string, value: number): void {
  writeVolume(folder, String(value), { 'app.json': settingsOf(value), 'other.json': settingsOf(value) })
  rmSync(join(folder, `..2026_11_26_${value - 1}`), { recursive: true, force: true })
}

const firstVolume = (folder: string) => replaceVolume(folder, 1)

const changes: Readonly<Record<string, Change>> = {
  'a file of a Kubernetes volume': { first: firstVolume, next: replaceVolume },
  'a Kubernetes volume': {
    first: firstVolume,
    next: replaceVolume,
    watched: '.',
    changed: 'app.json and 1 other file',
  },
  'a file written in place': { first: (folder) => write(join(folder, 'app.json'), 1) },
  'a file in a folder': { first: (folder) => write(join(folder, 'app.json'), 1), watched: '.' },
  'a file replaced by a rename': {
    first: (folder) => write(join(folder, 'app.json'), 1),
    next(folder, value) {
      write(join(folder, 'app.json.new'), value)
      renameSync(join(folder, 'app.json.new'), join(folder, 'app.json'))
    },
  },
  'a file deleted and created again': {
    first: (folder) => write(join(folder, 'app.json'), 1),
    next(folder, value) {
      rmSync(join(folder, 'app.json'))
      write(join(folder, 'app.json'), value)
    },
  },
  'a link to another file': {
    first(folder) {
      write(join(folder, '1'), 1)
      symlinkSync('1', join(folder, 'app.json'))
    },
    next(folder, value) {
      write(join(folder, String(value)), value)
      link(String(value), join(folder, 'app.json'))
    },
  },
  'a link in a folder to a file elsewhere': {
    first(folder) {
      mkdirSync(join(folder, 'conf.d'))
      write(join(folder, 'app.json'), 1)
      symlinkSync('../app.json', join(folder, 'conf.d', 'app.json'))
    },
    watched: 'conf.d',
    changed: 'conf.d/app.json',
  },
}

test.each(Object.entries(changes))('%s reloads each time its contents change', async (_, change) => {
  const folder = tempDir()
  const { first, next = (where: string, value: number) => write(join(where, 'app.json'), value) } = change
  const { watched = 'app.json', changed = 'app.json' } = change
  first(folder)
  const { service, reasons, serves } = await startWatching(join(folder, 'app.json'), [join(folder, watched)])
  const { failures } = await underLoad(service.target, async () => {
    for (const value of [2, 3]) {
      next(folder, value)
      await serves(value)
    }
  })
  expect(failures).toEqual([])
  expect(reasons()).toEqual(Array(2).fill(`${join(folder, changed)} changed`))
})

test('does not reload when the contents stay the same', async () => {
  const [folder, beside] = [tempDir(), join(tempDir(), 'beside.json')]
  firstVolume(folder)
  write(beside, 1)
  const { service, reasons, serves } = await startWatching(join(folder, 'app.json'), [folder, beside])
  writeVolume(folder, '1_again', { 'app.json': settingsOf(1), 'other.json': settingsOf(1) })
  rmSync(join(folder, '..2026_11_26_1'), { recursive: true })
  utimesSync(join(folder, 'app.json'), new Date(), new Date(0))
  writeFileSync(join(folder, '.app.json.swp'), '')
  // These lines show that the files were compared after the changes above.
  rmSync(beside)
  await service.line(/cannot read .*beside\.json: ENOENT.* The workers keep serving; waiting/)
  write(beside, 1)
  await service.line(/beside\.json can be read again/)
  replaceVolume(folder, 2)
  expect(await serves(2)).toBe(2)
  expect(reasons()).toEqual([`${join(folder, 'app.json')} and 1 other file changed`])
})

test('keeps serving when the new settings are broken, and reloads when they are fixed', async () => {
  const path = join(tempDir(), 'app.json')
  write(path, 1)
  const { service, status, reasons, serves } = await startWatching(path)
  const { failures } = await underLoad(service.target, async () => {
    writeFileSync(path, '{ "value": ')
    await service.line(/the reload failed: .* This generation keeps serving/)
    expect(await status()).toMatch(/\nlast reload: failed at .* \(\/.*app\.json changed\): Successor/)
    write(path, 3)
    await serves(3)
  })
  expect(failures).toEqual([])
  expect(reasons()).toHaveLength(2)
})

test('a change during a reload starts one more reload after it', async () => {
  const folder = tempDir()
  const [path, go] = [join(folder, 'app.json'), join(folder, 'go')]
  write(path, 1)
  const { service, reasons, serves } = await startWatching(path)
  const { failures } = await underLoad(service.target, async () => {
    writeFileSync(path, settingsOf(2, { waitFor: go }))
    await service.event(({ event, value }) => event === 'settings' && value === 2)
    write(path, 3)
    await service.line(/app\.json changed: a reload is in progress; starting another one when it ends/)
    writeFileSync(go, '')
    expect(await serves(3)).toBe(3)
  })
  expect(failures).toEqual([])
  expect(reasons()).toHaveLength(2)
})

test('keeps serving while a watched folder is gone, and reloads when it returns with other contents', async () => {
  const folder = join(tempDir(), 'config')
  const path = join(folder, 'app.json')
  mkdirSync(folder)
  write(path, 1)
  const { service, reasons, serves } = await startWatching(path, [folder])
  const { failures } = await underLoad(service.target, async () => {
    renameSync(folder, `${folder}.away`)
    await service.line(/cannot read .*config: ENOENT/)
    write(join(`${folder}.away`, 'app.json'), 2)
    renameSync(`${folder}.away`, folder)
    await serves(2)
  })
  expect(failures).toEqual([])
  expect(reasons()).toEqual([`${path} changed`])
})

test('replaces all workers, also after a SIGHUP', async () => {
  const path = join(tempDir(), 'app.json')
  write(path, 1)
  const { service, reasons } = await startWatching(path, [path], ['--workers', '2'])
  const { failures } = await underLoad(service.target, async () => {
    await rollWorkers(service, 2)
    write(path, 2)
    const workers = new Set<number>()
    while (workers.size < 2) {
      const isNew = ({ event, pid, value }: { event: string; pid: number; value?: unknown }) =>
        event === 'settings' && value === 2 && !workers.has(pid)
      workers.add((await service.event(isNew)).pid)
    }
    await service.line(/workers on the new release: 2 of 2[\s\S]*/)
  })
  expect(failures).toEqual([])
  expect(reasons()).toEqual([`${path} changed`])
})

test.each([
  [['--watch-files', 'missing'], 1, /--watch-files cannot read .*missing: ENOENT.* No worker was started\. /],
  [['--watch-files', ''], 2, /option '--watch-files <path>' argument '' is invalid. Expected a path/],
  [['--watch-file', 'app.json'], 2, /unknown option '--watch-file'\s+\(Did you mean .*--watch-files/],
])('handover run %j exits with code %i', async (run, code, why) => {
  const cwd = tempDir()
  writeFileSync(join(cwd, 'server.mjs'), '')
  expect(await cli(['run', ...run, 'server.mjs'], { cwd })).toMatchObject({
    code,
    stderr: expect.stringMatching(why),
  })
})

test.each([
  ['missing', 1, /--watch-files cannot read .*missing/],
  [['app.json', 'missing'], 1, /--watch-files cannot read .*missing/],
  [[7], 2, /"watchFiles" is \[7\]. Expected a path or a list of paths./],
])('handover.config.json may set watchFiles to %j', async (watchFiles, code, why) => {
  const cwd = tempDir()
  for (const name of ['app.json', 'server.mjs']) writeFileSync(join(cwd, name), '')
  writeFileSync(join(cwd, 'handover.config.json'), JSON.stringify({ command: 'server.mjs', watchFiles }))
  expect(await cli(['run'], { cwd })).toMatchObject({ code, stderr: expect.stringMatching(why) })
})
