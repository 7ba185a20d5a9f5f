import type net from 'node:net'
import type { Logger } from '../base/logger.js'

/** Warns that the connections of a server do not move, because the program reads their first bytes itself. */
export function warnOfDecoded(logger: Logger, { localPort }: net.Socket): void {
  const where = localPort === undefined ? 'a Unix socket' : `port ${localPort}`
  logger.warn(
    { ...(localPort !== undefined && { port: localPort }) },
    `connections on ${where} do not move: the program reads their first bytes before HTTP, as a decoder of the PROXY ` +
      'protocol does. In a drain they close after their next response. To silence this warning, set ' +
      'moveConnections: false.',
  )
}
