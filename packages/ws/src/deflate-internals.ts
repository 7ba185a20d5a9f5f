/**
 * The private parts of permessage-deflate, the compression of `ws`. Without context takeover no compression state
 * remains between two messages, so the parameters that both sides agreed on describe the compression completely.
 * `probe` in ws-internals.ts checks these parts first.
 */
import { EventEmitter } from 'node:events'
import { isDeepStrictEqual } from 'node:util'
import type { WebSocketLike, WebSocketServerLike } from './ws-types.js'

/** The parameters that the handshake agreed on, by the names of RFC 7692. */
export interface DeflateParameters {
  readonly server_no_context_takeover?: true
  readonly client_no_context_takeover?: true
  readonly server_max_window_bits?: number
  readonly client_max_window_bits?: number
}

interface Deflate {
  readonly params: DeflateParameters
  cleanup(): void
}

interface WithExtensions {
  readonly _extensions: Extensions
}

/** The extensions of a WebSocket, by name. */
export interface Extensions {
  readonly 'permessage-deflate'?: Deflate
}

const extension = 'permessage-deflate'

/** Parameters with which {@link createDeflate} is tried out. */
export const sampleParameters: DeflateParameters = {
  server_no_context_takeover: true,
  client_no_context_takeover: true,
  server_max_window_bits: 10,
  client_max_window_bits: 11,
}

const deflateOf = (holder: object): Deflate | undefined => (holder as WithExtensions)._extensions?.[extension]

/** The parameters of a compressed WebSocket without context takeover. `undefined` for any other WebSocket. */
export function movableDeflate(websocket: WebSocketLike): DeflateParameters | undefined {
  const params = deflateOf(websocket)?.params
  const isMovable = params?.server_no_context_takeover && params.client_no_context_takeover
  return isMovable ? { ...params } : undefined
}

/** Whether WebSockets of this server may be compressed. */
export const isDeflateOn = (wss: WebSocketServerLike<unknown>): boolean =>
  Boolean((wss.options as { perMessageDeflate?: unknown }).perMessageDeflate)

/**
 * Creates the compression of a WebSocket whose handshake the predecessor has completed. The parameters stay as agreed;
 * the threshold and the options of zlib are those of `wss`. Throws if `wss` does not compress.
 */
export function createDeflate(wss: WebSocketServerLike<unknown>, agreed: DeflateParameters): Extensions {
  const options = wss.options as { perMessageDeflate?: object | boolean; maxPayload?: number }
  if (!options.perMessageDeflate) throw new Error('perMessageDeflate of the WebSocketServer is off')
  // With the server's own limits, the result would differ from what the client got.
  const perMessageDeflate = {
    ...(options.perMessageDeflate as object),
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    serverMaxWindowBits: undefined,
    clientMaxWindowBits: undefined,
  }
  let created: Extensions = {}
  const server = {
    options: { perMessageDeflate, maxPayload: options.maxPayload },
    shouldHandle: () => true,
    completeUpgrade: (extensions: Extensions) => {
      created = extensions
    },
  }
  negotiate(wss, server, agreed)
  if (!isDeepStrictEqual({ ...created[extension]?.params }, { ...agreed }))
    throw new Error('ws did not accept the parameters of permessage-deflate')
  return created
}

/** Runs the negotiation of `ws` itself, because its class for permessage-deflate is not public in every version. */
function negotiate(wss: object, server: object, offer: DeflateParameters): void {
  const parameters = Object.entries(offer).map(([name, value]) =>
    value === true ? name : `${name}=${value}`,
  )
  const headers = {
    upgrade: 'websocket',
    'sec-websocket-key': Buffer.alloc(16).toString('base64'),
    'sec-websocket-version': '13',
    'sec-websocket-extensions': [extension, ...parameters].join('; '),
  }
  const request = { method: 'GET', url: '/', headers }
  Reflect.apply(ownHandleUpgrade(wss), server, [request, new EventEmitter(), Buffer.alloc(0), () => {}])
}

/** `handleUpgrade` of `ws`, even if the application or this package overrides it. */
function ownHandleUpgrade(wss: object): (...args: unknown[]) => void {
  let found: unknown
  for (let each: object | null = wss; each; each = Object.getPrototypeOf(each))
    if (Object.hasOwn(each, 'completeUpgrade')) found = Reflect.get(each, 'handleUpgrade')
  return found as (...args: unknown[]) => void
}

/** Releases the buffers of zlib. Call it only when no message is being compressed or decompressed. */
export const releaseDeflate = (websocket: WebSocketLike): void => deflateOf(websocket)?.cleanup()

/** Returns the first private part that this version lacks. `parts` must have the same compression as the WebSocket. */
export function firstMissingDeflate(websocket: WebSocketLike, parts: readonly object[]): string | undefined {
  const deflate = deflateOf(websocket)
  const params = movableDeflate(websocket)
  const isPresent: Record<string, boolean> = {
    'the parameters of the compression':
      params?.server_max_window_bits === sampleParameters.server_max_window_bits,
    'the compression of the receiver and the sender': parts.every((part) => deflateOf(part) === deflate),
    'the end of the compression': typeof deflate?.cleanup === 'function',
  }
  return Object.keys(isPresent).find((name) => !isPresent[name])
}
