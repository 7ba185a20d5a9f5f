/** What can go wrong between a client and a server, as the client sees it. */
export type FailureKind =
  /** No connection was made: refused, no such socket file, no room in the queue. */
  | 'refused'
  /** The connection was reset while a request was open. */
  | 'reset'
  /** The connection ended before the answer was complete. */
  | 'cut-short'
  /** An idle connection ended, and no answer had said `Connection: close`. */
  | 'closed-unannounced'
  /** Nothing moved for `stallMs`, or the request was not over after `requestMs`. */
  | 'timeout'
  /** An answer with a status other than 200. */
  | 'status'
  /** The wrong content, or the wrong length of it. */
  | 'wrong-body'
  /** Not HTTP/1.1, or bytes that nobody had asked for. */
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
