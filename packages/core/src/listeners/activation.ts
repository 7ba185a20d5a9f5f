/** Sockets from systemd (sd_listen_fds(3)). */
import { HandoverError } from '../base/errors.js'
import type { Origin } from '../platform/launch-context.js'
import { adoptListener } from '../platform/listener-handle.js'
import { boundPath } from '../platform/socket-file.js'
import type { Inherited } from './inherited.js'

/** The descriptor of the first socket from systemd (SD_LISTEN_FDS_START). */
const firstFd = 3

/** Errors: `ERR_HANDOVER_INHERITANCE_MALFORMED`, `ERR_HANDOVER_BAD_DESCRIPTOR`. */
export function activatedListeners(activation: Origin['activation']): Inherited[] {
  if (!activation) return []
  const count = Number(activation.count)
  if (!Number.isInteger(count) || count < 0 || count > 1_000) {
    throw new HandoverError(
      'ERR_HANDOVER_INHERITANCE_MALFORMED',
      `LISTEN_FDS is "${activation.count}", not a number of sockets. Nothing was inherited.`,
    )
  }
  const names = activation.names?.split(':') ?? []
  return Array.from({ length: count }, (_, i) => activatedListener(firstFd + i, names[i] ?? `unknown-${i}`))
}

function activatedListener(fd: number, systemd: string): Inherited {
  const adopted = adoptListener(fd)
  const where = adopted.tcp ? { tcp: adopted.tcp } : { unix: { path: boundPath(fd) ?? '' } }
  return { adopted, entry: { fd, key: `systemd:${systemd}`, systemd, ...where } }
}
