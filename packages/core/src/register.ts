/**
 * `node --import @handover/core/register server.js`: for a program that must not change. It is ready when one of its
 * servers listens. The environment variable `HANDOVER_OPTIONS` can contain options as JSON.
 */

import { register } from './api/registry.js'
import { HandoverError } from './base/errors.js'
import { platform } from './platform/process.js'

const text = platform.environment.HANDOVER_OPTIONS

function options(): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new HandoverError(
      'ERR_HANDOVER_OPTION',
      `HANDOVER_OPTIONS is not JSON: ${text.slice(0, 100)}. Nothing was changed.`,
      {},
      cause,
    )
  }
}

register({ any: true }, options() as Parameters<typeof register>[1])
