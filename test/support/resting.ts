import { RawConnection, type Target } from '@handover/load'

/** The responses on resting connections: their number by generation, and the failures. */
export interface Roll {
  readonly servedBy: ReadonlyMap<number, number>
  readonly failures: readonly string[]
}

const ATONCE = 200

/** The configuration of a fixture whose connections may be idle for longer than a test takes. */
export const staysIdle = { server: { keepAliveTimeout: 120_000 } }

/** Opens connections, `ATONCE` at a time so that the accept queue does not overflow. */
export async function openConnections(target: Target, count: number): Promise<RawConnection[]> {
  const connections: RawConnection[] = []
  while (connections.length < count) {
    const size = Math.min(ATONCE, count - connections.length)
    connections.push(
      ...(await Promise.all(Array.from({ length: size }, () => RawConnection.connect(target)))),
    )
  }
  return connections
}

/** Sends one request on each connection. */
export async function callAll(connections: readonly RawConnection[]): Promise<Roll> {
  const servedBy = new Map<number, number>()
  const failures: string[] = []
  for (let i = 0; i < connections.length; i += ATONCE) {
    await Promise.all(
      connections.slice(i, i + ATONCE).map(async (connection) => {
        try {
          const generation = await askOn(connection)
          servedBy.set(generation, (servedBy.get(generation) ?? 0) + 1)
        } catch (error) {
          failures.push(String(error))
        }
      }),
    )
  }
  return { servedBy, failures }
}

/** Sends one request and returns the generation that answered. The response must keep the connection open. */
export async function askOn(connection: RawConnection, path = '/'): Promise<number> {
  connection.write(`GET ${path} HTTP/1.1\r\nhost: test\r\n\r\n`)
  return answeredBy(connection)
}

/** The generation that sends the next response, which must keep the connection open. */
export async function answeredBy(connection: RawConnection): Promise<number> {
  const { status, keepAlive, headers } = await connection.response()
  if (status !== 200 || !keepAlive) throw new Error(`status ${status}, keep-alive ${keepAlive}`)
  return Number(headers.get('x-generation'))
}
