import type { ServerResponse } from 'node:http'

export interface StreamOptions {
  /** Milliseconds after which an EventSource shall come back, where the stream has to end instead (`retry:`). Default: not said. */
  readonly retryMs?: number
}

/** Ends an event stream in order: its last chunk, and when to come back if that was asked for. */
export function endStream(response: ServerResponse, { retryMs }: StreamOptions = {}): void {
  if (response.writableEnded) return
  response.shouldKeepAlive = false
  response.end(retryMs === undefined ? undefined : `retry: ${retryMs}\n\n`)
}
