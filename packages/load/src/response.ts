import { Fault } from './fault.js'

/** Bytes in the order of their arrival; `null` is their end. `unread` returns bytes that were read too far. */
export interface ByteSource {
  read(): Promise<Buffer | null>
  unread(chunk: Buffer): void
}

export interface ResponseHead {
  readonly status: number
  /** Names are in lower case. The values of a repeated header are joined with `, `. */
  readonly headers: ReadonlyMap<string, string>
  /** Whether the connection may be reused after this response. */
  readonly keepAlive: boolean
  readonly framing: Framing
}

export interface Response extends ResponseHead {
  readonly body: Buffer
  /** The body as UTF-8. */
  readonly text: string
}

type Framing = { readonly bytes: number } | 'chunked' | 'until-close'

const MAX_HEAD_BYTES = 64 * 1024
const MAX_LINE_BYTES = 8 * 1024
const MAX_INTERIM_RESPONSES = 16

/** The head of the next response. Skips interim responses (100, 103). */
export async function readHead(source: ByteSource): Promise<ResponseHead> {
  for (let passed = 0; passed < MAX_INTERIM_RESPONSES; passed++) {
    const head = parseHead(await readUntil(source, '\r\n\r\n', MAX_HEAD_BYTES))
    if (head.status >= 200 || head.status === 101) return head
  }
  throw new Fault('malformed', `more than ${MAX_INTERIM_RESPONSES} interim responses`)
}

export async function* readBody(source: ByteSource, { framing }: ResponseHead): AsyncGenerator<Buffer, void> {
  if (framing === 'chunked') yield* readChunked(source)
  else if (framing === 'until-close') yield* readToEnd(source)
  else yield* readBytes(source, framing.bytes)
}

function parseHead(text: string): ResponseHead {
  const [statusLine = '', ...lines] = text.split('\r\n')
  const [, minor, status] = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(statusLine) ?? []
  if (!status) throw new Fault('malformed', `not a status line: ${JSON.stringify(statusLine.slice(0, 80))}`)
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon < 1) throw new Fault('malformed', `not a header: ${JSON.stringify(line.slice(0, 80))}`)
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    const before = headers.get(name)
    headers.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  const framing = framingOf(Number(status), headers)
  const keepAlive = framing !== 'until-close' && saysKeepAlive(minor === '1', headers)
  return { status: Number(status), headers, keepAlive, framing }
}

function framingOf(status: number, headers: ReadonlyMap<string, string>): Framing {
  if (status < 200 || status === 204 || status === 304) return { bytes: 0 }
  if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') return 'chunked'
  const length = headers.get('content-length')
  if (length === undefined) return 'until-close'
  if (!/^\d+$/.test(length)) throw new Fault('malformed', `not a content-length: ${length}`)
  return { bytes: Number(length) }
}

function saysKeepAlive(byDefault: boolean, headers: ReadonlyMap<string, string>): boolean {
  const tokens = (headers.get('connection') ?? '').toLowerCase().split(/\s*,\s*/)
  return byDefault ? !tokens.includes('close') : tokens.includes('keep-alive')
}

async function* readChunked(source: ByteSource): AsyncGenerator<Buffer, void> {
  for (;;) {
    const line = await readUntil(source, '\r\n', MAX_LINE_BYTES)
    const [, size] = /^([0-9a-f]{1,8})\s*(?:;|$)/i.exec(line) ?? []
    if (!size) throw new Fault('malformed', `not a chunk size: ${JSON.stringify(line.slice(0, 80))}`)
    const bytes = Number.parseInt(size, 16)
    if (bytes === 0) return skipTrailers(source)
    yield* readBytes(source, bytes)
    if ((await readUntil(source, '\r\n', MAX_LINE_BYTES)) !== '') {
      throw new Fault('malformed', `a chunk is longer than its announced ${bytes} bytes`)
    }
  }
}

async function skipTrailers(source: ByteSource): Promise<void> {
  while ((await readUntil(source, '\r\n', MAX_LINE_BYTES)) !== '');
}

async function* readToEnd(source: ByteSource): AsyncGenerator<Buffer, void> {
  for (let chunk = await source.read(); chunk; chunk = await source.read()) yield chunk
}

async function* readBytes(source: ByteSource, bytes: number): AsyncGenerator<Buffer, void> {
  let left = bytes
  while (left > 0) {
    const chunk = await source.read()
    if (!chunk) throw new Fault('cut-short', `the connection ended with ${left} of ${bytes} bytes missing`)
    if (chunk.length > left) source.unread(chunk.subarray(left))
    const part = chunk.subarray(0, left)
    left -= part.length
    yield part
  }
}

/** Returns the text before `mark`, and consumes `mark`. */
async function readUntil(source: ByteSource, mark: string, limit: number): Promise<string> {
  let seen: Buffer = Buffer.alloc(0)
  for (;;) {
    const chunk = await source.read()
    if (!chunk) {
      const where =
        seen.length === 0 ? 'before the next byte of the response' : 'within a line of the response'
      throw new Fault('cut-short', `the connection ended ${where}`)
    }
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk])
    const end = seen.indexOf(mark)
    if (end >= 0) {
      if (end + mark.length < seen.length) source.unread(seen.subarray(end + mark.length))
      return seen.toString('latin1', 0, end)
    }
    if (seen.length > limit) throw new Fault('malformed', `a line does not end within ${limit} bytes`)
  }
}
