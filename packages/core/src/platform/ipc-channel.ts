/** Node's private data of the channel to another process: see platform/listener-handle.ts. */
import type { ChildProcess } from 'node:child_process'
import { childProcess } from './lazy-modules.js'

let canOpen: boolean | undefined

/** Whether this version of Node can open a channel on a descriptor, as handover-preload.cjs does. */
export function canOpenChannel(): boolean {
  if (canOpen === undefined) {
    const { ChildProcess } = childProcess()
    type Inside = { _handle?: { spawn?: unknown; close?: () => void } }
    const { _handle: handle } = new ChildProcess() as unknown as Inside
    handle?.close?.()
    canOpen = typeof handle?.spawn === 'function' && 'spawn' in ChildProcess.prototype
  }
  return canOpen
}

/**
 * Sends several handles at a time over `channel`, a child process or the process itself. Node sends the next handle
 * only after the receiver acknowledges the previous one, which is too slow to move thousands of connections. Messages
 * keep their order, because they share one socket (docs/decisions/0012-many-handles-at-a-time.md).
 */
export function withoutHandleQueue(channel: object): void {
  const inside = channel as Record<'_send' | 'disconnect', unknown>
  const { _send: send, disconnect } = inside
  if (!('_handleQueue' in channel) || typeof send !== 'function' || typeof disconnect !== 'function') return
  let hidden = false
  // During a send or a close, Node sees no queue. When an acknowledgment arrives, it sees an empty queue.
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

/** Whether this is one of Node's own messages that Handover sends. Node must not handle any other. */
function isExpected(raw: unknown, handle: unknown): boolean {
  const { cmd, type } = (raw ?? {}) as Record<string, unknown>
  if (cmd === 'NODE_HANDLE') return type === 'net.Native' || handle === undefined
  return (cmd === 'NODE_HANDLE_ACK' || cmd === 'NODE_HANDLE_NACK') && handle === undefined
}

/**
 * Node itself handles messages whose `cmd` begins with `NODE_`, but a program can send them, too. With an unknown
 * `type` they throw, and with `net.Server` this process would listen (test/cli/messages.test.ts). From now on only the
 * messages that a worker needs get through. Also catches errors of the observers of `child`.
 */
export function guardChannel(child: ChildProcess, onWrong: (what: string) => void): void {
  guardReading(child, onWrong)
  const emit = child.emit.bind(child) as (event: string | symbol, ...args: unknown[]) => boolean
  child.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    if (event !== 'message' && event !== 'internalMessage') return emit(event, ...args)
    const [raw, handle] = args
    try {
      if (event === 'message' || isExpected(raw, handle)) return emit(event, ...args)
      onWrong('an internal message of Node.js')
    } catch (error) {
      onWrong(`a message that caused an error (${(error as Error)?.message})`)
    }
    discardHandle(handle)
    return true
  }
}

/**
 * Closes the channel when Node cannot read a message, such as one with thousands of levels. Such a message stays at the
 * head of the channel, and blocks all later ones.
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
      onWrong(`an unreadable message (closing its channel: ${(error as Error)?.message})`)
      if (child.connected) child.disconnect()
    }
  }
}
