import { RawConnection, type Target } from '@handover/load'
import type { Generation } from './generations.js'

/** Which generation answers there: an HTTP server with `GET /state`. On a new connection. */
export async function whoServes(target: Target): Promise<Generation> {
  const connection = await RawConnection.connect(target)
  try {
    await connection.write('GET /state HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n')
    return JSON.parse((await connection.response()).text)
  } finally {
    connection.close()
  }
}

/** Which generation answers there: a server that says so as soon as somebody connects, and hangs up. */
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
