import { once } from 'node:events'
import http from 'node:http'
import { text } from 'node:stream/consumers'
import type { TcpTarget } from '@handover/load'

export interface UnfinishedUpload {
  /** Sends the rest of the request and resolves with the response. */
  finish(): Promise<{ readonly status: number | undefined; readonly text: string }>
}

/** A request whose body has not arrived. The server has received its head: it has asked for the body. */
export async function startUpload({ host, port }: TcpTarget): Promise<UnfinishedUpload> {
  const headers = { expect: '100-continue' }
  const request = http.request({ host, port, method: 'POST', agent: false, headers })
  const response = once(request, 'response') as Promise<[http.IncomingMessage]>
  request.flushHeaders()
  await once(request, 'continue')
  return {
    async finish() {
      request.end('body')
      const [incoming] = await response
      return { status: incoming.statusCode, text: await text(incoming) }
    },
  }
}
