/** The data that handover-preload.cjs leaves for core before any code of the program runs. */
import type { ChildProcess } from 'node:child_process'
import { inheritanceVariable } from '../protocol/inheritance.js'
import { module } from './lazy-modules.js'
import { ownPreload } from './preload-file.js'

/** One end of the channel between two processes, with the members of the parent's end. */
export type Channel = Pick<
  ChildProcess,
  'connected' | 'send' | 'on' | 'once' | 'off' | 'disconnect' | 'channel'
>

export interface Early {
  readonly inheritance: string
  /** `undefined` if the process started without a channel, or its descriptor cannot be used. */
  readonly channel: Channel | undefined
  /** Reload signals that arrived before core listened for them. */
  readonly signals: readonly string[]
  release(): void
}

const key = Symbol.for('handover.early')
const found = () => (globalThis as Record<symbol, unknown>)[key] as Early | undefined

/** `undefined` in a process that inherits nothing. Loads the preload if a wrapper around Node dropped `--require`. */
export function early(): Early | undefined {
  if (!found() && process.env[inheritanceVariable] !== undefined) {
    const preload = ownPreload()
    if (preload !== undefined) module().createRequire(preload)(preload)
  }
  return found()
}
