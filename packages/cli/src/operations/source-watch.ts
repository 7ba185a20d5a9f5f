/** Requests a reload when a file of the program changes. For development. */
import { extname, relative, sep } from 'node:path'

/** An editor may write several files: the reload starts when none has changed for this time. */
const quietMs = 100
/** Logs, sockets and databases change while the program runs. */
const watched = new Set([
  '.js',
  '.mjs',
  '.cjs',
  '.ts',
  '.mts',
  '.cts',
  '.jsx',
  '.tsx',
  '.json',
  '.node',
  '.wasm',
])

/** Returns a function that stops watching. `node_modules` and names with a leading dot are not watched. */
export async function watchSources(
  folder: string,
  request: (reason: string) => void,
): Promise<() => Promise<void>> {
  const { watch } = await import('chokidar')
  const isIgnored = (path: string) =>
    relative(folder, path)
      .split(sep)
      .some((name) => name === 'node_modules' || (name.startsWith('.') && name !== '..'))
  const watcher = watch(folder, { ignoreInitial: true, ignored: isIgnored })
  let timer: NodeJS.Timeout | undefined
  watcher.on('all', (_event, path) => {
    if (!watched.has(extname(path))) return
    clearTimeout(timer)
    timer = setTimeout(() => request(`${relative(folder, path)} has changed`), quietMs)
  })
  await new Promise<void>((resolve) => watcher.once('ready', resolve))
  return async () => {
    clearTimeout(timer)
    await watcher.close()
  }
}
