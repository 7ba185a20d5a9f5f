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
import { CommandFailed, type ExitCode, exitCodes } from './exit-codes.js'

/** Not by an import, which would load what only `handover run` needs. */
const handover: typeof controlVersion = 1
/** A service that is asked for something says something at least every second. */
const silenceMs = 10_000
/** An answer may be of any size, but not without an end. */
const longestLine = 64 * 1024 * 1024
const lineMs = 60_000
/** How long a connection is asked for again whose service is being replaced, and how often. */
const againMs = 3_000
const everyMs = 100

/** The connection ended, or there was none. */
class Disconnected extends CommandFailed {}

/** Sends one request, and resolves with its answer. Errors: {@link CommandFailed}. */
export async function ask(
  path: string,
  request: ControlVerb,
  onEvent: (event: ControlEvent) => void = () => {},
  more: { readonly wait?: boolean } = {},
): Promise<ControlAnswer> {
  for await (const line of linesOf(path, request, more)) {
    if ('ok' in line) return line
    onEvent(line)
  }
  throw closedEarly(request)
}

/** Watches for as long as there is a service. A service that is replaced takes the connection along, or another is made. */
export async function watch(path: string, onEvent: (event: ControlEvent) => void): Promise<never> {
  for (let deadline = 0; ; await pause(everyMs)) {
    try {
      for await (const line of linesOf(path, 'watch')) {
        if (!('ok' in line)) onEvent(line)
        else if (isRefusal(line)) throw new CommandFailed(exitCodes.refused, line.error.message)
        else if (line.ok) throw notAnAnswer('watch')
        if ('event' in line && line.event === 'status') deadline = performance.now() + againMs
      }
      throw closedEarly('watch')
    } catch (error) {
      if (!(error instanceof Disconnected) || performance.now() > deadline) throw error
    }
  }
}

/** Resolves when the service has left: it closes the connection last. */
export async function askUntilGone(
  path: string,
  request: ControlVerb,
  onEvent: (event: ControlEvent) => void,
): Promise<ControlAnswer> {
  let answer: ControlAnswer | undefined
  for await (const line of linesOf(path, request)) {
    if (!('ok' in line)) onEvent(line)
    else answer = line
    if (answer?.ok === false) return answer
  }
  if (answer) return answer
  throw closedEarly(request)
}

type Failure = ControlAnswer & { readonly ok: false }

/** Whether the service did nothing, and can be asked again: what it began and could not finish has a report. */
export const isRefusal = (answer: ControlAnswer): answer is Failure =>
  !answer.ok && answer.reload === undefined && answer.error.code.startsWith('ERR_HANDOVER_')

/** The request may have been read. */
const outcomeOf = (request: ControlVerb): ExitCode =>
  request === 'reload' || request === 'stop' ? exitCodes.unknown : exitCodes.unreachable

const closedEarly = (request: ControlVerb): Disconnected =>
  new Disconnected(
    outcomeOf(request),
    'The service closed the connection before it answered. It may have been killed, or stopped by somebody else: see its ' +
      'log, and handover status.',
  )

const notAService = (exitCode: ExitCode = exitCodes.unreachable): CommandFailed =>
  new CommandFailed(exitCode, 'What listens there is not a control socket: it answered something else.')

/** An answer that is none to that request. */
export const notAnAnswer = (request: ControlVerb): CommandFailed => notAService(outcomeOf(request))

/** Puts an answer into `words`. Errors: {@link CommandFailed}, when it lacks what an answer to that request has. */
export function understood<T>(request: ControlVerb, words: () => T): T {
  try {
    return words()
  } catch {
    throw notAnAnswer(request)
  }
}

async function connect(path: string): Promise<net.Socket> {
  const socket = new net.Socket()
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (error: NodeJS.ErrnoException) => reject(unreachable(path, error)))
    try {
      socket.connect({ path }, resolve)
    } catch (error) {
      reject(unreachable(path, error as NodeJS.ErrnoException))
    }
  })
  return socket
}

/** Every line of the answer, until the connection ends, however it does. */
async function* linesOf(path: string, request: ControlVerb, more: object = {}): AsyncGenerator<ControlLine> {
  const socket = await connect(path)
  const silence = () =>
    socket.destroy(
      new CommandFailed(
        outcomeOf(request),
        `The service has said nothing for ${silenceMs / 1_000} s: it hangs. See its log.`,
      ),
    )
  socket
    .setTimeout(silenceMs, silence)
    .setEncoding('utf8')
    .write(`${JSON.stringify({ handover, id: 1, request, ...more })}\n`)
  let exitCode: ExitCode = exitCodes.unreachable
  try {
    for await (const line of splitLines(socket)) {
      const told = line === undefined ? undefined : read(line)
      if (!told) throw notAService(exitCode)
      exitCode = outcomeOf(request)
      yield told
    }
  } catch (error) {
    // A service that was killed resets the connection: it ended. So it did when there is nobody to write to.
    if (error instanceof CommandFailed) throw error
  } finally {
    socket.destroy()
  }
}

/** Whole lines; `undefined` for one that is too long, or takes too long to come. */
async function* splitLines(socket: AsyncIterable<string>): AsyncGenerator<string | undefined> {
  let parts: string[] = []
  let length = 0
  let begunAt = performance.now()
  for await (const text of socket) {
    const [first = '', ...others] = text.split('\n')
    parts.push(first)
    length += first.length
    if (length > longestLine || performance.now() - begunAt > lineMs) yield undefined
    const rest = others.pop()
    if (rest === undefined) continue
    yield parts.join('')
    yield* others
    parts = [rest]
    length = rest.length
    begunAt = performance.now()
  }
}

function read(line: string): ControlLine | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isLine(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isLine(value: unknown): value is ControlLine {
  if (!isRecord(value)) return false
  const { ok, event, error } = value
  if (ok === undefined) return typeof event === 'string'
  return (
    ok === true || (isRecord(error) && typeof error.code === 'string' && typeof error.message === 'string')
  )
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

function unreachable(path: string, { code, message }: NodeJS.ErrnoException): Disconnected {
  const why: Readonly<Record<string, string>> = {
    ENOENT:
      `There is no control socket at ${path}. Start the service with the option control, or by handover run ` +
      '--control; or say which one is meant: --control PATH, HANDOVER_CONTROL, --pid-file PATH or a PID.',
    // connect(2) says so of everything that is not a socket, too.
    ECONNREFUSED: isSocket(path)
      ? `Nothing serves the control socket ${path}: its service has been killed. Start the service again.`
      : `${path} is not a control socket. Say which one is meant: --control PATH, --pid-file PATH or a PID.`,
    EACCES: `The control socket ${path} is another user's${ownerOf(path)}: only that user and root may connect.`,
    EAGAIN: `The control socket ${path} has more clients waiting than it takes: its service hangs.`,
  }
  return new Disconnected(
    exitCodes.unreachable,
    why[code ?? ''] ?? `The control socket ${path} cannot be used: ${message}.`,
  )
}

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket()
  } catch {
    return true
  }
}

function ownerOf(path: string): string {
  try {
    return ` (uid ${statSync(path).uid})`
  } catch {
    return ''
  }
}
