/** What Node keeps private of the channel to another process: see node-privates.ts. */
import { childProcess } from './builtin.js'

/** Whether a process of this Node can open a channel by a descriptor, as handover-preload.cjs does. */
export function canOpenChannel(): boolean {
  const { ChildProcess } = childProcess()
  const { _handle: handle } = new ChildProcess() as unknown as { _handle?: { spawn?: unknown } }
  return typeof handle?.spawn === 'function' && 'spawn' in ChildProcess.prototype
}

/**
 * Lets several handles be on their way over `channel` at a time, a child process or the process itself. Node sends
 * one, waits until the other side says that it has come, and sends the next: a round trip through two event loops
 * for each, which is what moving thousands of connections away from a busy process cannot afford. The order of
 * messages stays, as it is one socket (docs/decisions/0012-many-handles-at-a-time.md).
 */
export function withoutHandleQueue(channel: object): void {
  const inside = channel as Record<'_send' | 'disconnect', unknown>
  const { _send: send, disconnect } = inside
  if (!('_handleQueue' in channel) || typeof send !== 'function' || typeof disconnect !== 'function') return
  let hidden = false
  // While something is sent, or the channel closes, no queue is seen; when an acknowledgement comes, an empty one.
  Object.defineProperty(channel, '_handleQueue', { get: () => (hidden ? null : []), set() {} })
  const hiding =
    (act: (...args: unknown[]) => unknown) =>
    (...args: unknown[]): unknown => {
      hidden = true
      try {
        return act.apply(channel, args)
      } finally {
        hidden = false
      }
    }
  inside._send = hiding(send as () => unknown)
  inside.disconnect = hiding(disconnect as () => unknown)
}
