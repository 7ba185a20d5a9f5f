/** The entry point for servers: adds a server to the one generation of this process. */
import net from 'node:net'
import { isRecord } from '../base/guards.js'
import type { GracefulOptions } from '../base/settings.js'
import type { GracefulHandle } from './handle.js'
import { register } from './registry.js'
import { notAServer } from './wrong-argument.js'

/**
 * Makes the process of `server` replaceable: SIGHUP hands over to a successor; SIGTERM and SIGINT drain and exit. Call
 * it before `server.listen(...)`, which does not change. If the server already listens, shutdowns are graceful, and
 * `reload()` rejects with `ERR_HANDOVER_ALREADY_LISTENING`. In a successor, the call itself throws that error.
 *
 * @param server - a server of `node:net`, `node:http`, `node:https` or `node:http2`. Omit it in a program without a
 *   server, or in a program with several servers and `ready: 'manual'`.
 * @param options - see {@link GracefulOptions}; a later call may set what no earlier call has set.
 * @returns the handle; one per process.
 * @throws HandoverError with the code `ERR_HANDOVER_NOT_A_SERVER`, `ERR_HANDOVER_ALREADY_LISTENING`,
 *   `ERR_HANDOVER_OPTION`, `ERR_HANDOVER_OPTIONS_CONFLICT`, `ERR_HANDOVER_PID_FILE`, `ERR_HANDOVER_CONTROL`,
 *   `ERR_HANDOVER_COPIES`, `ERR_HANDOVER_INHERITANCE_MALFORMED`, `ERR_HANDOVER_INHERITANCE_FOREIGN`,
 *   `ERR_HANDOVER_WIRE_VERSION` or `ERR_HANDOVER_BAD_DESCRIPTOR`, before anything was changed.
 */
export function graceful(server: net.Server, options?: GracefulOptions): GracefulHandle
export function graceful(options?: GracefulOptions): GracefulHandle
export function graceful(first?: net.Server | GracefulOptions, second?: GracefulOptions): GracefulHandle {
  if (first instanceof net.Server) return register({ server: first }, second)
  if (looksLikeAnApplication(first) || second !== undefined) throw notAServer(first)
  return register({ nothing: true }, first)
}

function looksLikeAnApplication(value: unknown): boolean {
  return (
    typeof value === 'function' ||
    (value !== undefined && !isRecord(value)) ||
    (isRecord(value) && 'listen' in value)
  )
}
