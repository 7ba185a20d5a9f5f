/** Performs an operation for the sockets of this process. */
import type { Operation } from './messages.js'
import {
  type BroadcastOptions,
  baseAdapter,
  type Namespace,
  type ServerSocket,
} from './socket-io-internals.js'

export function perform({ adapter }: Namespace, { target, work }: Operation): void {
  const base = baseAdapter(adapter)
  const options = { ...target }
  switch (work.do) {
    case 'broadcast':
      base.broadcast.call(adapter, { ...work.packet }, options)
      break
    case 'join':
      base.addSockets.call(adapter, options, [...work.rooms])
      break
    case 'leave':
      base.delSockets.call(adapter, options, [...work.rooms])
      break
    case 'disconnect':
      base.disconnectSockets.call(adapter, options, work.close)
      break
    default:
      work satisfies never
  }
}

/** Performs an operation for `socket`, if it belongs to the target. */
export function performFor(socket: ServerSocket, { nsp, target, work }: Operation): void {
  const only = { rooms: new Set([socket.id]), except: new Set<string>(), flags: target.flags ?? {} }
  if (includes(target, socket.rooms)) perform(socket.nsp, { nsp, work, target: only })
}

/** Whether a socket in the rooms `own` belongs to the target. */
export const includes = (
  { rooms, except = new Set() }: Omit<BroadcastOptions, 'flags'>,
  own: ReadonlySet<string>,
): boolean =>
  (rooms.size === 0 || [...rooms].some((room) => own.has(room))) && ![...except].some((room) => own.has(room))
