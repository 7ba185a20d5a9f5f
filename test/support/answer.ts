import { RawConnection, type Target } from '@handover/load'

/** The body of the response to `GET path` on a new connection. Throws unless the status is 200. */
export async function answerOf(target: Target, path = '/'): Promise<string> {
  const connection = await RawConnection.connect(target)
  try {
    await connection.write(`GET ${path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`)
    const { status, text } = await connection.response()
    if (status !== 200) throw new Error(`the server answered with status ${status}: ${text}`)
    return text
  } finally {
    connection.close()
  }
}
