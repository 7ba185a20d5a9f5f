import { HandoverError } from '../base/errors.js'

/** The version of the inheritance and of every message between processes (docs/reference/protocol.md). */
export const wireVersion = 1

/** The error for an inheritance or a message of any other version than {@link wireVersion}. */
export function anotherVersion(theirs: unknown): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_WIRE_VERSION',
    `The other generation speaks version ${shortText(theirs)} of the handover, this one version ${wireVersion}. ` +
      'The running generation keeps serving. Stop and start the service once to change between the two.',
    { theirs, ours: wireVersion },
  )
}

/** The value can be anything: a text of any length, or nested lists that `String` would never finish. */
const shortText = (value: unknown): string =>
  typeof value === 'object' && value !== null
    ? Object.prototype.toString.call(value)
    : String(value).slice(0, 40)
