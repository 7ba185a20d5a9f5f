/** The client side of the control socket (docs/reference/protocol.md). */
import { statSync } from 'node:fs'
import net from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type {
  ControlAnswer,
  ControlEvent,
  ControlLine,
  ControlRequest,
  ControlVerb,
  controlVersion,
} from '@handover/core/supervision'
import { CommandFailed, type ExitCode, exitCodes } from '../command-line/exit-codes.js'

/** Not imported at run time, because only `handover run` should load core. */
const handover: typeof controlVersion = 1
/** While a request is open, the service sends a line at least every second. */
const silenceMs = 10_000
/** The limit for the size of an answer, in characters. */
const maxLineLength = 64 * 1024 * 1024
/** How long one line may take to arrive. */
const lineMs = 60_000
/** For `watch`: how long to try to reconnect while the service is replaced, and how often. */
const reconnectMs = 3_000
const retryMs = 100

/** Fields of a request beside those of every request. */
export type RequestFields = Pick<ControlRequest, 'wait' | 'workers'>

/** The connection closed, or could not be opened. */
class Disconnected extends CommandFailed {}

/** Sends a request and resolves with its answer. Errors: {@link CommandFailed}. */
export async function sendRequest(
  path: string,
  request: ControlVerb,
  onEvent: (event: ControlEvent) => void = () => {},
  more: RequestFields = {},
): Promise<ControlAnswer> {
  for await (const line of linesOf(path, request, more)) {
    if ('ok' in line) return line
    onEvent(line)
  }
  throw closedEarly(request)
}

/** Watches the service until it exits. At a reload the connection moves to the successor, or the client reconnects. */
export async function watch(path: string, onEvent: (event: ControlEvent) => void): Promise<never> {
  for (let deadline = 0; ; await pause(retryMs)) {
    try {
      for await (const line of linesOf(path, 'watch')) {
        if (!('ok' in line)) onEvent(line)
        else if (isRefusal(line)) throw new CommandFailed(exitCodes.refused, line.error.message)
        else if (line.ok) throw notAnAnswer('watch')
        if ('event' in line && line.event === 'status') deadline = performance.now() + reconnectMs
      }
      throw closedEarly('watch')
    } catch (error) {
      if (!(error instanceof Disconnected) || performance.now() > deadline) throw error
    }
  }
}

/** Sends a request and resolves when the service has exited: it closes the connection last. */
export async function sendRequestAndAwaitExit(
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

/** Whether the service did nothing, so a retry is safe. A reload that began and failed has a report. */
export const isRefusal = (answer: ControlAnswer): answer is Failure =>
  !answer.ok && answer.reload === undefined && answer.error.code.startsWith('ERR_HANDOVER_')

/** The exit code if the service may have read the request. */
const outcomeOf = (request: ControlVerb): ExitCode =>
  request === 'status' || request === 'watch' ? exitCodes.unreachable : exitCodes.unknown

const closedEarly = (request: ControlVerb): Disconnected =>
  new Disconnected(
    outcomeOf(request),
    'The service closed the connection before it answered. It may have been killed or stopped: see its log and ' +
      'handover status.',
  )

const notAService = (exitCode: ExitCode = exitCodes.unreachable): CommandFailed =>
  new CommandFailed(
    exitCode,
    'The process listening there is not a Handover service: its answer does not follow the control protocol.',
  )

/** The error for an answer that does not fit the request. */
export const notAnAnswer = (request: ControlVerb): CommandFailed => notAService(outcomeOf(request))

/** Formats an answer. Errors: {@link CommandFailed}, if a field of the answer is missing. */
export function formatAnswer<T>(request: ControlVerb, format: () => T): T {
  try {
    return format()
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

/** Every line of the answer, until the connection ends for any reason. */
async function* linesOf(path: string, request: ControlVerb, more: object = {}): AsyncGenerator<ControlLine> {
  const socket = await connect(path)
  const onSilence = () =>
    socket.destroy(
      new CommandFailed(
        outcomeOf(request),
        `The service did not respond for ${silenceMs / 1_000} s (is its event loop blocked?). See its log.`,
      ),
    )
  socket
    .setTimeout(silenceMs, onSilence)
    .setEncoding('utf8')
    .write(`${JSON.stringify({ handover, id: 1, request, ...more })}\n`)
  let exitCode: ExitCode = exitCodes.unreachable
  try {
    for await (const line of splitLines(socket)) {
      const message = line === undefined ? undefined : read(line)
      if (!message) throw notAService(exitCode)
      exitCode = outcomeOf(request)
      yield message
    }
  } catch (error) {
    // When a service is killed, the connection is reset and a later write fails. Both end the connection.
    if (error instanceof CommandFailed) throw error
  } finally {
    socket.destroy()
  }
}

/** Yields complete lines, and `undefined` for a line that is too long or too slow. */
async function* splitLines(socket: AsyncIterable<string>): AsyncGenerator<string | undefined> {
  let parts: string[] = []
  let length = 0
  let begunAt = performance.now()
  for await (const text of socket) {
    const [first = '', ...others] = text.split('\n')
    parts.push(first)
    length += first.length
    if (length > maxLineLength || performance.now() - begunAt > lineMs) yield undefined
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
      `There is no control socket at ${path}. Start the service with the option control or with handover run ` +
      '--control, or name the service: --control PATH, HANDOVER_CONTROL, --pid-file PATH or a PID.',
    // connect(2) also fails with this code for a file that is not a socket.
    ECONNREFUSED: isSocket(path)
      ? `No process serves the control socket ${path}: its service was killed. Start the service again.`
      : `${path} is not a control socket. Name the service: --control PATH, --pid-file PATH or a PID.`,
    EACCES: `The control socket ${path} belongs to another user${ownerOf(path)}: only that user and root can connect.`,
    EAGAIN: `The control socket ${path} has too many waiting clients: its service does not accept them (is its event loop blocked?).`,
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
