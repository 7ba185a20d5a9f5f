// Reads about sockets from /proc: proc(5), /proc/net/tcp and /proc/net/unix.
import { readFileSync, readlinkSync } from 'node:fs'
import net from 'node:net'
import { onTestFinished } from 'vitest'
import { descriptorsOf } from './processes.js'

const listening = { tcp: '0A', unix: '00010000' }

/** The inodes of the listening sockets of a process, sorted. An inode identifies a socket. */
export function listenersOf(pid: number): string[] {
  const inodes = new Set([
    ...fieldsIn('/proc/net/tcp', (row) => row[3] === listening.tcp && row[9]),
    ...fieldsIn('/proc/net/tcp6', (row) => row[3] === listening.tcp && row[9]),
    ...fieldsIn('/proc/net/unix', (row) => row[3] === listening.unix && row[6]),
  ])
  const sockets = descriptorsOf(pid).map(({ target }) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? '')
  return sockets.filter((inode) => inodes.has(inode)).sort()
}

function fieldsIn(table: string, field: (row: readonly string[]) => string | false | undefined): string[] {
  const rows = readFileSync(table, 'utf8').split('\n').slice(1)
  return rows.flatMap((row) => field(row.trim().split(/\s+/)) || [])
}

/** The descriptor of a server or a socket in the test process. */
export function descriptorOf(of: object): number {
  const { _handle } = of as { _handle?: { fd?: number } }
  if (_handle?.fd === undefined || _handle.fd < 0) throw new Error('the server or socket is not open')
  return _handle.fd
}

/** A server in the test process. The test closes it when it finishes. */
export async function listener(
  options: net.ListenOptions = { port: 0, host: '127.0.0.1' },
): Promise<net.Server> {
  const server = net.createServer()
  onTestFinished(() => void server.close())
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options, resolve)
  })
  return server
}

/** The inode behind a descriptor of the test. It is the same in every process that has the descriptor. */
export function inodeOf(fd: number): string | undefined {
  return /\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1]
}

/** The local ports of all connections from this machine to one of its ports. Each one identifies a connection. */
export function clientPortsOf(port: number): number[] {
  const portIn = (address = '') => Number.parseInt(address.split(':')[1] ?? '', 16)
  const isOpen = (row: readonly string[]) => row[3] === '01' && portIn(row[2]) === port
  return fieldsIn('/proc/net/tcp', (row) => isOpen(row) && row[1])
    .map(portIn)
    .sort((a, b) => a - b)
}
