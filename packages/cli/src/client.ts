/** The side of whoever asks, of docs/protocol.md. */
import { statSync } from 'node:fs'
import net from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type {
  ControlAnswer,
  ControlEvent,
  ControlLine,
  ControlVerb,
  controlVersion,
} from '@handover/core/supervision'
import { CommandFailed, exitCodes } from './exit-codes.js'

/** Not by an import, which would load what only `handover run` needs. */
const handover: typeof controlVersion = 1
/** A service that is asked for something says something at least every second. */
const silenceMs = 10_000
/** How long a connection is asked for again whose service is being replaced, and how often. */
const againMs = 3_000
const everyMs = 100

/** Sends one request, and resolves with its answer. Errors: {@link CommandFailed}. */
export async function ask(
  path: string,
  request: ControlVerb,
  onEvent: (event: ControlEvent) => void = () => {},
  more: { readonly wait?: boolean } = {},
): Promise<ControlAnswer> {
  const socket = await connect(path)
  try {
    for await (const line of linesOf(socket, { handover, id: 1, request, ...more })) {
      if ('ok' in line) return line
      onEvent(line)
    }
  } finally {
    socket.destroy()
  }
  throw new CommandFailed(
    request === 'status' ? exitCodes.unreachable : exitCodes.unknown,
    `The service closed the connection before it answered. It may have been killed: see its log, and handover status.`,
  )
}

/** Watches for as long as there is a service. A service that is replaced takes the connection along, or another is made. */
export async function watch(path: string, onEvent: (event: ControlEvent) => void): Promise<never> {
  for (let deadline = 0; ; ) {
    try {
      const socket = await connect(path)
      deadline = performance.now() + againMs
      for await (const line of linesOf(socket, { handover, id: 1, request: 'watch' })) {
        if (!('ok' in line)) onEvent(line)
        deadline = performance.now() + againMs
      }
    } catch (error) {
      if (performance.now() > deadline) throw error
    }
    await pause(everyMs)
  }
}

/** Resolves when the service has left: it closes the connection last. */
export async function askUntilGone(
  path: string,
  request: ControlVerb,
  onEvent: (event: ControlEvent) => void,
): Promise<ControlAnswer> {
  const socket = await connect(path)
  let answer: ControlAnswer | undefined
  try {
    for await (const line of linesOf(socket, { handover, id: 1, request })) {
      if (!('ok' in line)) onEvent(line)
      else answer = line
      if (answer?.ok === false) return answer
    }
  } finally {
    socket.destroy()
  }
  if (answer) return answer
  throw new CommandFailed(
    exitCodes.unknown,
    'The service closed the connection before it answered. It may have been killed, or stopped by somebody else.',
  )
}

async function connect(path: string): Promise<net.Socket> {
  const socket = net.connect({ path })
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', (error: NodeJS.ErrnoException) => reject(unreachable(path, error)))
  })
  return socket
}

/** Every line of the answer, until the connection ends. */
async function* linesOf(socket: net.Socket, request: object): AsyncGenerator<ControlLine> {
  const silence = () =>
    socket.destroy(
      new CommandFailed(
        exitCodes.unreachable,
        `The service has said nothing for ${silenceMs / 1_000} s: it hangs.`,
      ),
    )
  socket
    .setTimeout(silenceMs, silence)
    .setEncoding('utf8')
    .write(`${JSON.stringify(request)}\n`)
  let rest = ''
  try {
    for await (const text of socket) {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) yield read(line)
    }
  } catch (error) {
    // A service that was killed resets the connection: it ended.
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error
  }
}

function read(line: string): ControlLine {
  try {
    return JSON.parse(line)
  } catch {
    throw new CommandFailed(
      exitCodes.unreachable,
      'What listens there is no control socket: it answered something else.',
    )
  }
}

function unreachable(path: string, { code, message }: NodeJS.ErrnoException): CommandFailed {
  const why: Readonly<Record<string, string>> = {
    ENOENT:
      `There is no control socket at ${path}. Start the service with the option control, or by handover run ` +
      '--control; or say which one is meant: --control PATH, HANDOVER_CONTROL, --pid-file PATH or a PID.',
    ECONNREFUSED: `Nobody serves the control socket ${path}: its service has been killed.`,
    EACCES: `The control socket ${path} is another user's${ownerOf(path)}: only that user and root may connect.`,
    EAGAIN: `The control socket ${path} has more clients waiting than it takes: its service hangs.`,
  }
  return new CommandFailed(
    exitCodes.unreachable,
    why[code ?? ''] ?? `The control socket ${path} cannot be used: ${message}.`,
  )
}

function ownerOf(path: string): string {
  try {
    return ` (uid ${statSync(path).uid})`
  } catch {
    return ''
  }
}
