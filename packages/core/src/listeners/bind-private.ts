import type net from 'node:net'
import { HandoverError } from '../base/errors.js'
import type { Platform } from '../platform/process.js'
import { fileTypeAt, isServed, nameBeside, putInPlace } from '../platform/socket-file.js'
import type { UnixFile } from '../protocol/inheritance.js'

/**
 * Binds a socket to which only this user may connect. Its file has mode 0600 from the start.
 * Errors: `ERR_HANDOVER_CONTROL`.
 */
export async function bindPrivately(
  server: net.Server,
  path: string,
  platform: Pick<Platform, 'withUmask'>,
): Promise<UnixFile> {
  const existing = fileTypeAt(path)
  if (existing === 'other') throw notServed(path, 'a file that is not a socket is there')
  if (existing === 'socket' && (await isServed(path))) throw notServed(path, 'another process serves it')
  const temporary = nameBeside(path)
  if (temporary === undefined) throw notServed(path, 'no free name was found in its directory')
  const outcome = new Promise<Error | undefined>((resolve) =>
    server.once('listening', () => resolve(undefined)).once('error', resolve),
  )
  // `listen` creates the file before it returns.
  platform.withUmask(0o177, () => server.listen(temporary))
  const error = await outcome
  if (error) throw notServed(path, error.message, error)
  return putInPlace(temporary, path)
}

function notServed(control: string, why: string, cause?: unknown): HandoverError {
  const message = `The control socket ${control} is not served: ${why}.`
  return new HandoverError('ERR_HANDOVER_CONTROL', message, { control }, cause)
}
