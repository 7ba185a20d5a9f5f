import type net from 'node:net'
import { HandoverError } from '../base/errors.js'
import type { Platform } from '../platform/process.js'
import { isServed, nameBeside, putInPlace, whatLiesAt } from '../platform/socket-file.js'
import type { UnixFile } from '../protocol/inheritance.js'

/**
 * Binds a socket that only this user may connect to. The file has mode 0600 from its first moment.
 * Errors: `ERR_HANDOVER_CONTROL`.
 */
export async function bindPrivately(
  server: net.Server,
  path: string,
  platform: Pick<Platform, 'withUmask'>,
): Promise<UnixFile> {
  const lies = whatLiesAt(path)
  if (lies === 'other') throw notServed(path, 'a file that is not a socket is there')
  if (lies === 'socket' && (await isServed(path))) throw notServed(path, 'another process serves it')
  const temporary = nameBeside(path)
  if (temporary === undefined) throw notServed(path, 'no free name was found beside it')
  let failed: unknown
  const onError = (error: Error) => {
    failed = error
  }
  server.once('error', onError)
  const listening = new Promise((resolve) => server.once('listening', resolve).once('error', resolve))
  // `listen` creates the file before it returns.
  platform.withUmask(0o177, () => server.listen(temporary))
  await listening
  server.off('error', onError)
  if (failed) throw notServed(path, (failed as Error).message, failed)
  return putInPlace(temporary, path)
}

function notServed(path: string, why: string, cause?: unknown): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_CONTROL',
    `The control socket ${path} is not served: ${why}.`,
    { control: path },
    cause,
  )
}
