import type { ServerResponse } from 'node:http'

export interface StreamOptions {
  /** If the stream has to end: milliseconds after which an `EventSource` reconnects (`retry:`). Default: not sent. */
  readonly retryMs?: number
}

/** Ends an event stream in order: sends `retry:` if requested, and the last chunk. */
export function endStream(response: ServerResponse, { retryMs }: StreamOptions = {}): void {
  if (response.writableEnded) return
  response.shouldKeepAlive = false
  response.end(retryMs === undefined ? undefined : `retry: ${retryMs}\n\n`)
}
