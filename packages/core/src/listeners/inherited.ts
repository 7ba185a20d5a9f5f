/** Adopts the listeners of the predecessor, and makes a server listen on one. */
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

/** Errors: `ERR_HANDOVER_BAD_DESCRIPTOR`. */
export function adoptAll(entries: readonly ListenerEntry[]): Inherited[] {
  return entries.map((entry) => {
    const { fd, key } = entry
    const adopted = adoptListener(fd)
    const [expected, actual] = [entry.tcp, adopted.tcp]
    if (expected?.address === actual?.address && expected?.port === actual?.port) return { entry, adopted }
    const what = actual ? `${actual.address}:${actual.port}` : 'a Unix socket'
    throw new HandoverError(
      'ERR_HANDOVER_BAD_DESCRIPTOR',
      `Descriptor ${fd} was inherited as ${key}, but it is ${what}. The predecessor keeps serving.`,
      { fd, key },
    )
  })
}

/** Does what `listen(...args)` would do, on an inherited listener. While `paused`, the server accepts nothing. */
export function listenOnInherited(
  server: net.Server,
  { requested, backlog, callback }: ListenCall,
  { entry, adopted }: Inherited,
  { args, paused }: { readonly args: readonly unknown[]; readonly paused: boolean },
): void {
  if (callback) server.once('listening', callback)
  adopted.listen(server, backlog, paused)
  if (entry.unix) setSocketPath(server, requested.kind === 'unix' ? requested.path : entry.unix.path)
  closeOnAbort(server, args[0])
}

/** `listen({ signal })`, which Node's own `listen` would handle. */
function closeOnAbort(server: net.Server, options: unknown): void {
  const signal = (options as { signal?: unknown } | null)?.signal
  if (!(signal instanceof AbortSignal)) return
  if (signal.aborted) process.nextTick(() => server.close())
  else signal.addEventListener('abort', () => server.close(), { once: true })
}
