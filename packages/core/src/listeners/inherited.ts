/** Inherited listeners: taking them over from the predecessor, and making a server listen on one. */
import type net from 'node:net'
import { HandoverError } from '../base/errors.js'
import { type AdoptedListener, adoptListener, setSocketPath } from '../platform/listener-handle.js'
import type { ListenerEntry } from '../protocol/inheritance.js'
import type { ListenCall } from './listen-address.js'

/** A listener from the predecessor, systemd or another worker. */
export interface Inherited {
  readonly entry: ListenerEntry
  readonly adopted: AdoptedListener
}

/** Takes over the listeners of the predecessor. Errors: `ERR_HANDOVER_BAD_DESCRIPTOR`. */
export function adoptAll(entries: readonly ListenerEntry[]): Inherited[] {
  return entries.map((entry) => {
    const adopted = adoptListener(entry.fd)
    const [want, is] = [entry.tcp, adopted.tcp]
    if (want?.address === is?.address && want?.port === is?.port) return { entry, adopted }
    const what = is ? `${is.address}:${is.port}` : 'a Unix socket'
    throw new HandoverError(
      'ERR_HANDOVER_BAD_DESCRIPTOR',
      `Descriptor ${entry.fd} was handed on as ${entry.key}, but it is ${what}. The predecessor keeps serving.`,
      { fd: entry.fd, key: entry.key },
    )
  })
}

/** Does what `listen(...args)` would do. While `paused`, the server accepts nothing. */
export function listenOnInherited(
  server: net.Server,
  { wanted, backlog, callback }: ListenCall,
  { entry, adopted }: Inherited,
  { args, paused }: { readonly args: readonly unknown[]; readonly paused: boolean },
): void {
  if (callback) server.once('listening', callback)
  adopted.listen(server, backlog, paused)
  if (entry.unix) setSocketPath(server, wanted.kind === 'unix' ? wanted.path : entry.unix.path)
  closeOnAbort(server, args[0])
}

/** `listen({ signal })`, which Node's own `listen` would handle. */
function closeOnAbort(server: net.Server, options: unknown): void {
  const signal = (options as { signal?: unknown } | null)?.signal
  if (!(signal instanceof AbortSignal)) return
  if (signal.aborted) process.nextTick(() => server.close())
  else signal.addEventListener('abort', () => server.close(), { once: true })
}
