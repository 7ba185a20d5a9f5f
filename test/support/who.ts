import { once } from 'node:events'
import http, { type ClientRequest } from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import tls from 'node:tls'
import { RawConnection, type Target } from '@handover/load'
import { cert } from '../fixtures/tls.mjs'
import type { Generation } from './generations.js'
import { askOnce, givenBy } from './http.js'

/** The generation that answers on a new connection to an HTTP server of the fixtures. */
export const whoServes = async (target: Target): Promise<Generation> =>
  givenBy(await askOnce(target, '/state'))

/** The generation behind a server that sends its identity to every new connection and closes it. */
export async function whoSpeaks(target: Target): Promise<Generation> {
  const connection = await RawConnection.connect(target)
  try {
    let text = ''
    for (let chunk = await connection.read(); chunk; chunk = await connection.read()) text += chunk
    return JSON.parse(text)
  } finally {
    connection.close()
  }
}

/** The generation that answers a client of each kind. Each server includes its identity in every response. */
export const whoAnswers: Readonly<Record<string, (port: number) => Promise<Generation>>> = {
  http: (port) => overHttp(http.get({ ...local(port), agent: false })),
  https: (port) => overHttp(https.get({ ...local(port), agent: false })),
  http2: (port) => overHttp2(`http://127.0.0.1:${port}`),
  'http2 over TLS': (port) => overHttp2(`https://127.0.0.1:${port}`),
  net: (port) => whoSpeaks({ port }),
  tls: (port) => parsed(tls.connect(local(port))),
}

const local = (port: number) => ({ host: '127.0.0.1', port, ca: cert })

async function overHttp(request: ClientRequest): Promise<Generation> {
  const [response] = await once(request, 'response')
  return parsed(response)
}

async function overHttp2(url: string): Promise<Generation> {
  const session = http2.connect(url, { ca: cert })
  try {
    return await parsed(session.request({ ':path': '/' }))
  } finally {
    session.close()
  }
}

async function parsed(stream: AsyncIterable<Buffer>): Promise<Generation> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString())
}
