/** What is said when a server cannot listen, or what it listens on cannot be handed on. */

import { HandoverError } from '../base/errors.js'
import type { ListenerEntry } from '../protocol/inheritance.js'
import { formatTcp } from './listen-address.js'

/** The name beside the path is our business: an error of `bind` tells of the path that was asked for. */
export function sayInstead(error: Error, temporary: string, path: string): void {
  error.message = error.message.replace(temporary, path)
  if ('address' in error) error.address = path
}

/** EADDRINUSE in our words, for whoever waits for this generation to be ready; the server's own error stays Node's. */
export function inUse(error: Error, unclaimed: readonly string[]): Error {
  const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number }
  if (code !== 'EADDRINUSE') return error
  const where = port === undefined ? (address ?? '') : formatTcp({ address: address ?? '::', port })
  const left = unclaimed.length === 0 ? '' : ` Handed on, but asked for by nobody: ${unclaimed.join(', ')}.`
  return new HandoverError(
    'ERR_HANDOVER_ADDRESS_IN_USE',
    `${where} is in use, and this process did not inherit it.${left} If the predecessor serves it, it listened there ` +
      'before its first graceful() (call graceful() first), or by another address that includes this one.',
    { address, port },
    error,
  )
}

/** The descriptor of a server that listens is not what Node believes it to be. */
export function cannotHandOn(fd: number, key: string, cause: unknown): HandoverError {
  const { code } = cause as NodeJS.ErrnoException
  return new HandoverError(
    'ERR_HANDOVER_BAD_DESCRIPTOR',
    `The listener ${key} cannot be handed on: its descriptor ${fd} is no socket any more (${code}). Something in this ` +
      'program has closed it. This generation keeps serving what it can.',
    { fd, key },
    cause,
  )
}

export function describe(entry: ListenerEntry): string {
  const where = entry.tcp ? formatTcp(entry.tcp) : `unix:${entry.unix?.path}`
  return entry.systemd === undefined ? where : `${where} (systemd's ${entry.systemd})`
}
