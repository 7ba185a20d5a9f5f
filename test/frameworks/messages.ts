import { once } from 'node:events'
import type { Target } from '@handover/load'
import type { WebSocket } from 'ws'
import { LIMIT_MS } from '../support/story.js'

/** The next message, parsed as JSON. Rejects if the WebSocket closes or stays silent. */
export async function nextMessage(socket: WebSocket): Promise<unknown> {
  const limit = new AbortController()
  const signal = AbortSignal.any([limit.signal, AbortSignal.timeout(LIMIT_MS)])
  const closed = once(socket, 'close', { signal }).then(([code]) => {
    throw new Error(`the WebSocket closed with code ${code}`)
  })
  try {
    const [data] = await Promise.race([once(socket, 'message', { signal }), closed])
    return JSON.parse(String(data))
  } finally {
    closed.catch(() => {})
    limit.abort()
  }
}

export function urlOf(target: Target): string {
  if ('path' in target) throw new Error('the service listens on a Unix socket')
  return `ws://${target.host}:${target.port}`
}
