import net from 'node:net'
import { resolve } from 'node:path'
import { hasNativeHandle } from '../platform/listener-handle.js'
import { maxPathBytes } from '../platform/socket-file.js'
import type { TcpAddress } from '../protocol/inheritance.js'

/** The address that a `listen` call requests, in one form for all its signatures. */
export type RequestedAddress =
  | { readonly kind: 'tcp'; readonly key: string; readonly host: string | undefined; readonly port: number }
  | { readonly kind: 'unix'; readonly key: string; readonly path: string }
  /** A descriptor or handle that the program has opened, or arguments that Node checks. */
  | { readonly kind: 'other'; readonly key: string }

/** The arguments of a `listen` call, interpreted as Node does (`net.Server#listen`). */
export interface ListenCall {
  readonly requested: RequestedAddress
  readonly backlog: number | undefined
  readonly callback: (() => void) | undefined
}

/** `cwd` resolves relative socket paths. */
export function readListenCall(args: readonly unknown[], cwd: string): ListenCall {
  const last = args.at(-1)
  const callback = typeof last === 'function' ? (last as () => void) : undefined
  const [first, second, third] = callback ? args.slice(0, -1) : args
  if (typeof first === 'object' && first !== null) {
    const options = first as Record<string, unknown>
    return { requested: fromOptions(options, cwd), backlog: asNumber(options.backlog ?? second), callback }
  }
  if (typeof first === 'string' && asNumber(first) === undefined) {
    return { requested: unix(first, cwd), backlog: asNumber(second), callback }
  }
  const host = typeof second === 'string' && second !== '' ? second : undefined
  return {
    requested: tcp(host, first, false),
    backlog: asNumber(host === undefined ? (second ?? third) : third),
    callback,
  }
}

function fromOptions(options: Record<string, unknown>, cwd: string): RequestedAddress {
  if (Number.isSafeInteger(options.fd)) return { kind: 'other', key: `fd:${options.fd}` }
  const isHandle =
    hasNativeHandle(options) || ('fd' in options && !('port' in options) && !('path' in options))
  if (isHandle) return { kind: 'other', key: 'handle' }
  if ('port' in options) {
    const host = typeof options.host === 'string' && options.host !== '' ? options.host : undefined
    return tcp(host, options.port, options.ipv6Only === true)
  }
  return typeof options.path === 'string' ? unix(options.path, cwd) : { kind: 'other', key: 'invalid' }
}

function tcp(host: string | undefined, rawPort: unknown, ipv6Only: boolean): RequestedAddress {
  const port = rawPort === undefined || rawPort === null ? 0 : asNumber(rawPort)
  if (port === undefined || port > 65_535) return { kind: 'other', key: 'invalid' }
  const name = host === undefined ? '*' : canonicalHost(host)
  return { kind: 'tcp', key: `tcp:${name}:${port}${ipv6Only ? '/ipv6only' : ''}`, host, port }
}

function unix(path: string, cwd: string): RequestedAddress {
  // Abstract sockets and Windows pipes have no file to rename or unlink. Node rejects a path that is too long.
  const hasFile =
    !path.startsWith('\0') && !path.startsWith('\\\\') && Buffer.byteLength(path) <= maxPathBytes
  if (!hasFile) return { kind: 'other', key: `pipe:${path}` }
  return { kind: 'unix', key: `unix:${resolve(cwd, path)}`, path }
}

/** One spelling for each address: `::0` and `0::` become `[::]`, and names become lower case. */
export function canonicalHost(host: string): string {
  if (!host.includes(':')) return host.toLowerCase()
  try {
    // Faster than `isIPv6`, which compiles a regular expression and adds 3 ms to each start.
    return `[${new net.SocketAddress({ address: host, family: 'ipv6' }).address}]`
  } catch {
    return host.toLowerCase()
  }
}

/** Whether a listener bound to `bound` serves `requested`, even if two `listen` calls spelled the address differently. */
export function serves(bound: TcpAddress, requested: RequestedAddress & { kind: 'tcp' }): boolean {
  if (bound.port !== requested.port) return false
  const here = canonicalHost(bound.address)
  if (requested.host === undefined) return here === '[::]' || here === '0.0.0.0'
  if (requested.host.toLowerCase() === 'localhost') return here === '127.0.0.1' || here === '[::1]'
  return here === canonicalHost(requested.host)
}

/** `127.0.0.1:3000`, `[::1]:3000`. */
export const formatTcp = ({ address, port }: TcpAddress): string => `${canonicalHost(address)}:${port}`

function asNumber(value: unknown): number | undefined {
  if (typeof value !== 'number' && typeof value !== 'string') return undefined
  const number = Number(value)
  return number >= 0 ? number : undefined
}
