/** Forwards what the predecessor's application calls on a client that has moved. */
import type { LateCall, Target } from './messages.js'
import type { Connection, ServerSocket } from './socket-io-internals.js'

type Send = (call: LateCall) => void

/** `rooms` stays what `socket.rooms` shows in this process. */
export function forwardSocketCalls(socket: ServerSocket, rooms: Set<string>, send: Send): void {
  const target: Target = { rooms: new Set([socket.id]), except: new Set() }
  const operate = (work: (LateCall & { do: 'operate' })['work']) =>
    send({ do: 'operate', nsp: socket.nsp.name, target, work })
  Object.defineProperty(socket, 'rooms', { value: rooms, configurable: true })
  Object.assign(socket, {
    join: (joined: string | string[]) => {
      const added = [joined].flat()
      for (const room of added) rooms.add(room)
      operate({ do: 'join', rooms: added })
    },
    leave: (room: string) => {
      rooms.delete(room)
      operate({ do: 'leave', rooms: [room] })
    },
    leaveAll: () => {
      operate({ do: 'leave', rooms: [...rooms] })
      rooms.clear()
    },
    disconnect: (close = false) => {
      operate({ do: 'disconnect', close })
      return socket
    },
  })
}

export function forwardConnectionCalls(connection: Connection, hasNamespace: boolean, send: Send): void {
  Object.assign(connection, {
    sendPacket: (type: string, data: unknown, given?: object | (() => void), last?: () => void) => {
      const callback = typeof given === 'function' ? given : last
      const { compress } = (given ?? {}) as { compress?: boolean }
      send({ do: 'send', type, data, options: { compress } })
      if (callback) process.nextTick(callback)
    },
    close: () => {
      // Without a namespace, the only caller is Socket.IO's connect timeout. The successor has its own.
      if (hasNamespace) send({ do: 'close' })
    },
    flush: () => {},
  })
  connection.transport.writable = true
}
