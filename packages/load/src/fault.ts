/** The failures that a client can observe. */
export type FailureKind =
  /** The connection failed: it was refused, the socket file is missing, or the queue is full. */
  | 'refused'
  /** The connection was reset while a request was in flight. */
  | 'reset'
  /** The connection ended before the response was complete. */
  | 'cut-short'
  /** An idle connection ended without a response with `Connection: close`. */
  | 'closed-unannounced'
  /** The connection made no progress for `stallMs`, or the request took longer than `requestMs`. */
  | 'timeout'
  /** The response has a status other than 200. */
  | 'status'
  /** The body has the wrong content or the wrong length. */
  | 'wrong-body'
  /** The bytes are not HTTP/1.1, or belong to no request. */
  | 'malformed'

export class Fault extends Error {
  override readonly name = 'Fault'

  constructor(
    readonly kind: FailureKind,
    detail: string,
  ) {
    super(detail)
  }
}
