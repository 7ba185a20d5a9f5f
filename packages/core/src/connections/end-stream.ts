import type { ServerResponse } from 'node:http'

export interface StreamOptions {
  /** Milliseconds after which an `EventSource` reconnects if the stream has to end (`retry:`). Default: not sent. */
  readonly retryMs?: number
}

/** Ends an event stream in order: sends `retry:` if the option is set, and the last chunk. */
export function endStream(response: ServerResponse, { retryMs }: StreamOptions = {}): void {
  if (response.writableEnded) return
  response.shouldKeepAlive = false
  response.end(retryMs === undefined ? undefined : `retry: ${retryMs}\n\n`)
}
