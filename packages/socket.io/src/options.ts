import { closestName, type GracefulOptions, HandoverError } from '@handover/core'
import type { Socket } from 'socket.io'

/** The options of `graceful` for Socket.IO, and those of `graceful` of `@handover/core`. */
export interface GracefulSocketIoOptions extends GracefulOptions {
  /**
   * Whether the middlewares of `io.use` and `namespace.use` are skipped for a client that has moved, as after Socket.IO's
   * own connection state recovery. If they run and refuse the client, it is closed and reconnects. The middlewares of
   * `io.engine.use` always run, because they belong to the request. Default: true.
   */
  readonly skipMiddlewares?: boolean
  /**
   * How long, in milliseconds, a client stays in the predecessor while the application waits for its acknowledgements
   * (`emitWithAck`). Then it moves, and the predecessor still gets them until it exits. Before it exits, it waits as long
   * for handlers that still have to acknowledge an event of a client that has moved. Default: 5000.
   */
  readonly ackTimeoutMs?: number
  /** The longest time, in milliseconds, over which clients that cannot move close one by one. Default: 5000. */
  readonly spreadMs?: number
  /** Identifies this Socket.IO server in this release and the next. Default: its path, and its position if several share it. */
  readonly name?: string
  /**
   * Called in the predecessor for each socket of a client that has moved. Stop the socket's timers here: there is no
   * `disconnect`, because the client is still connected.
   */
  moved?(socket: Socket): void
}

/** The options of this package, with their defaults. */
export interface OwnOptions {
  readonly skipMiddlewares: boolean
  readonly ackTimeoutMs: number
  readonly spreadMs: number
  readonly name: string | undefined
  readonly moved: ((socket: Socket) => void) | undefined
}

const defaults = { skipMiddlewares: true, ackTimeoutMs: 5_000, spreadMs: 5_000 }
const own: readonly string[] = [...Object.keys(defaults), 'moved', 'name']
/** The longest timeout that Node supports. */
const maxTimerMs = 2 ** 31 - 1

/** Returns the options of this package and those of core. Errors: `ERR_HANDOVER_OPTION`. */
export function readOptions(given: GracefulSocketIoOptions): [OwnOptions, GracefulOptions] {
  const { skipMiddlewares, ackTimeoutMs, spreadMs, name, moved, ...core } = given
  for (const each of Object.keys(core)) {
    const closest = closestName(each, own)
    if (closest)
      throw rejected(
        each,
        core[each as keyof GracefulOptions],
        `is not an option: did you mean "${closest}"?`,
      )
  }
  const options = {
    skipMiddlewares: skipMiddlewares ?? defaults.skipMiddlewares,
    ackTimeoutMs: ackTimeoutMs ?? defaults.ackTimeoutMs,
    spreadMs: spreadMs ?? defaults.spreadMs,
    name,
    moved,
  }
  expect(typeof options.skipMiddlewares === 'boolean', 'skipMiddlewares', skipMiddlewares, 'true or false')
  expect(isTime(options.ackTimeoutMs), 'ackTimeoutMs', ackTimeoutMs, time)
  expect(isTime(options.spreadMs), 'spreadMs', spreadMs, time)
  expect(name === undefined || (typeof name === 'string' && name !== ''), 'name', name, 'a non-empty string')
  expect(moved === undefined || typeof moved === 'function', 'moved', moved, 'a function')
  return [options, core]
}

const time = `a whole number of milliseconds from 0 to ${maxTimerMs}`
const isTime = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= maxTimerMs

function expect(isValid: boolean, option: string, value: unknown, expected: string): void {
  if (!isValid) throw rejected(option, value, `must be ${expected}.`)
}

export const rejected = (option: string, value: unknown, problem: string): HandoverError =>
  new HandoverError(
    'ERR_HANDOVER_OPTION',
    `graceful from @handover/socket.io: "${option}" ${problem} Nothing was changed.`,
    { option, value },
  )
