/** What Node keeps private of the channel to another process: see platform/listener-handle.ts. */
import type { ChildProcess } from 'node:child_process'
import { childProcess } from './lazy-modules.js'

let canOpen: boolean | undefined

/** Whether a process of this Node can open a channel by a descriptor, as handover-preload.cjs does. */
export function canOpenChannel(): boolean {
  canOpen ??= triesToOpen()
  return canOpen
}

function triesToOpen(): boolean {
  const { ChildProcess } = childProcess()
  const { _handle: handle } = new ChildProcess() as unknown as {
    _handle?: { spawn?: unknown; close?: () => void }
  }
  handle?.close?.()
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

/** Closes the handle of an unusable message: a native handle, a socket, or a server. */
export function discardHandle(handle: unknown): void {
  const { destroy, close, on } = (handle ?? {}) as Record<string, unknown>
  const end = typeof destroy === 'function' ? destroy : close
  if (typeof on === 'function') on.call(handle, 'error', () => {})
  if (typeof end === 'function') end.call(handle)
}

interface InternalMessage {
  readonly cmd?: unknown
  readonly type?: unknown
}

/** Node's own messages that a Handover process can send. Other ones need no answer. */
function isExpected({ cmd, type }: InternalMessage, handle: unknown): boolean {
  if (cmd === 'NODE_HANDLE') return type === 'net.Native' || handle === undefined
  return (cmd === 'NODE_HANDLE_ACK' || cmd === 'NODE_HANDLE_NACK') && handle === undefined
}

/**
 * Node answers messages whose `cmd` begins with `NODE_` itself, and a program can send those, too: with an unknown
 * `type` they throw, and with `net.Server` they listen in this process (test/cli/messages.test.ts). From now on only
 * messages that a worker needs get through, and errors of the observers of `child` are caught.
 */
export function guardChannel(child: ChildProcess, onWrong: (what: string) => void): void {
  guardReading(child, onWrong)
  const emit = child.emit.bind(child) as (event: string | symbol, ...args: unknown[]) => boolean
  child.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    if (event !== 'message' && event !== 'internalMessage') return emit(event, ...args)
    const [raw, handle] = args
    try {
      if (event === 'message' || isExpected((raw ?? {}) as InternalMessage, handle))
        return emit(event, ...args)
      onWrong('a message of Node itself')
    } catch (error) {
      onWrong(`a message that failed: ${(error as Error)?.message}`)
    }
    discardHandle(handle)
    return true
  }
}

/**
 * A message that Node cannot read, such as one with thousands of levels, stays at the head of the channel. Later
 * messages never arrive, so this closes the channel.
 */
function guardReading(child: ChildProcess, onWrong: (what: string) => void): void {
  const symbol = Object.getOwnPropertySymbols(child).find(
    ({ description }) => description === 'kChannelHandle',
  )
  const pipe = symbol && (child as unknown as Record<symbol, { onread?: unknown } | undefined>)[symbol]
  const read = pipe?.onread
  if (!pipe || typeof read !== 'function') return
  pipe.onread = (...args: unknown[]) => {
    try {
      read.apply(pipe, args)
    } catch (error) {
      onWrong(`a message that cannot be read, closing its channel: ${(error as Error)?.message}`)
      if (child.connected) child.disconnect()
    }
  }
}
