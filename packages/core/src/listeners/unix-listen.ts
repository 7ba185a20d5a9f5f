/**
 * Binds a Unix socket beside its path and renames it into place
 * (docs/decisions/0010-unix-sockets-are-renamed-into-place.md).
 */
import type net from 'node:net'
import { observe } from '../platform/hidden-observers.js'
import { closeListener, listenerFd, setSocketPath } from '../platform/listener-handle.js'
import { fileTypeAt, isServed, nameBeside, putInPlace } from '../platform/socket-file.js'
import type { UnixFile } from '../protocol/inheritance.js'
import { namePath } from './listen-errors.js'

/** Node's own `listen`. */
export type NodeListen = (args: unknown[]) => net.Server

interface Binding {
  readonly server: net.Server
  readonly path: string
  /** The arguments of the `listen` call. */
  readonly args: unknown[]
  readonly original: NodeListen
  /** Called when the socket is at `path`, before the server emits `listening`. */
  readonly onBound: (file: UnixFile) => void
}

/** Replaces a stale socket. If another process serves the path, or another file is there, Node reports EADDRINUSE. */
export function listenOnPath(binding: Binding): net.Server {
  const { server, path, args, original } = binding
  const existing = fileTypeAt(path)
  if (existing === 'other') return original(args)
  if (existing === 'nothing') return bindBeside(binding)
  void isServed(path).then((served) => (served ? original(args) : bindBeside(binding)))
  return server
}

function bindBeside({ server, path, args, original, onBound }: Binding): net.Server {
  const temporary = nameBeside(path)
  if (temporary === undefined) return original(args)
  const [first, ...rest] = args
  original([typeof first === 'string' ? temporary : { ...(first as object), path: temporary }, ...rest])
  if (listenerFd(server) === undefined) {
    // Corrects the error before the program gets it.
    const off = observe(server, {
      before: {
        listening: () => off(),
        error(error: Error) {
          off()
          namePath(error, temporary, path)
        },
      },
    })
    return server
  }
  setSocketPath(server, path)
  try {
    onBound(putInPlace(temporary, path))
  } catch (error) {
    closeListener(server)()
    process.nextTick(() => server.emit('error', error))
  }
  return server
}
