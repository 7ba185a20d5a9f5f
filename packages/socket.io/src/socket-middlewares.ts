/** The middlewares of `io.use` and `namespace.use` for a socket of a client that has moved. */
import type { ServerSocket } from './socket-io-internals.js'

interface Middlewares {
  readonly skip: boolean
  run(done: (error?: Error) => void): void
  accepted(): void
  /** The socket is no longer part of its namespace. */
  refused(error: Error): void
}

export function runSocketMiddlewares(
  socket: ServerSocket,
  { skip, run, accepted, refused }: Middlewares,
): void {
  // Not earlier: Socket.IO's own recovery skips the middlewares of a recovered socket.
  socket.recovered = true
  if (skip) accepted()
  else run((error) => (error ? refuse(socket, () => refused(error)) : accepted()))
}

/** Socket.IO does not remove this socket when its client closes: it does not belong to the client yet. */
function refuse(socket: ServerSocket, refused: () => void): void {
  const { id, nsp } = socket
  socket.connected = false
  nsp.adapter.delAll(id)
  nsp._remove(socket)
  refused()
}
