import { HandoverError } from '../base/errors.js'

/** The version of the inheritance and of every message between processes (docs/reference/protocol.md). */
export const wireVersion = 1

export function anotherVersion(theirs: unknown): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_WIRE_VERSION',
    `The other generation uses version ${shortText(theirs)} of the handover protocol, and this one uses version ` +
      `${wireVersion}. The running generation keeps serving. To change versions, stop and start the service once.`,
    { theirs, ours: wireVersion },
  )
}

/** The value can be anything: a string of any length, or nested arrays that `String` would never finish. */
const shortText = (value: unknown): string =>
  typeof value === 'object' && value !== null
    ? Object.prototype.toString.call(value)
    : String(value).slice(0, 40)
