/** Errors of servers that cannot listen, and of listeners that a successor cannot inherit. */
import { HandoverError } from '../base/errors.js'
import type { ListenerEntry } from '../protocol/inheritance.js'
import { formatTcp } from './listen-address.js'

/** Makes an error of `bind` name the path that the program requested instead of the temporary one. */
export function namePath(error: Error, temporary: string, path: string): void {
  error.message = error.message.replace(temporary, path)
  if ('address' in error) error.address = path
}

/** Explains EADDRINUSE to the caller that waits for this generation. The server still emits Node's error. */
export function addressInUse(error: Error, unclaimed: readonly string[]): Error {
  const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number }
  if (code !== 'EADDRINUSE') return error
  const where = port === undefined ? (address ?? '') : formatTcp({ address: address ?? '::', port })
  const left = unclaimed.length === 0 ? '' : ` Inherited but not used: ${unclaimed.join(', ')}.`
  return new HandoverError(
    'ERR_HANDOVER_ADDRESS_IN_USE',
    `${where} is in use, and this process did not inherit it.${left} If the predecessor serves it, it listened there ` +
      'before its first graceful() (call graceful() first), or on another address that includes this one.',
    { address, port },
    error,
  )
}

/** The descriptor of a listening server is no longer the socket that Node opened. */
export function cannotInherit(fd: number, key: string, cause: unknown): HandoverError {
  const { code } = cause as NodeJS.ErrnoException
  return new HandoverError(
    'ERR_HANDOVER_BAD_DESCRIPTOR',
    `A successor cannot inherit the listener ${key}: its descriptor ${fd} is no longer a socket (${code}), because this ` +
      'program closed it. This generation keeps serving its other listeners.',
    { fd, key },
    cause,
  )
}

export function describe(entry: ListenerEntry): string {
  const where = entry.tcp ? formatTcp(entry.tcp) : `unix:${entry.unix?.path}`
  return entry.systemd === undefined ? where : `${where} (systemd's ${entry.systemd})`
}
