// Sends single requests on raw connections.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault, RawConnection, type Response, type Target } from '@handover/load'
import { onTestFinished } from 'vitest'
import { tempDir } from './temp-dir.js'
import { until } from './until.js'

/** `connections()` of a handle, as `GET /state` returns it. */
export interface Counts {
  readonly total: number
  readonly inFlight: number
  readonly requests: number
  readonly http1: { readonly idle: number; readonly busy: number }
  readonly https: { readonly idle: number; readonly busy: number }
}

export interface ServiceState {
  readonly pid: number
  readonly generation: number
  readonly connections: Counts
}

/** A connection that the test closes when it finishes. */
export async function connect(target: Target): Promise<RawConnection> {
  const connection = await RawConnection.connect(target)
  onTestFinished(() => connection.close())
  return connection
}

/** Whether the target refuses a new connection. */
export async function isRefused(target: Target): Promise<boolean> {
  try {
    const connection = await RawConnection.connect(target)
    connection.close()
    return false
  } catch (error) {
    if (error instanceof Fault && error.kind === 'refused') return true
    throw error
  }
}

export const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`

/** Sends one request and reads the complete response. */
export async function ask(connection: RawConnection, path: string): Promise<Response> {
  await connection.write(get(path))
  return connection.response()
}

/** Sends one request on its own connection. */
export async function askOnce(target: Target, path: string): Promise<Response> {
  const connection = await RawConnection.connect(target)
  try {
    return await ask(connection, path)
  } finally {
    connection.close()
  }
}

/** The state of the serving generation. Its counts include the connection of this request, which is closed by then. */
export async function stateOf(target: Target): Promise<ServiceState> {
  const connection = await RawConnection.connect(target)
  await connection.write('GET /state HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n')
  const { text } = await connection.response()
  await connection.closed
  return JSON.parse(text)
}

/** The process and generation that sent the response. */
export function givenBy({ headers }: Response): { pid: number; generation: number } {
  return { pid: Number(headers.get('x-pid')), generation: Number(headers.get('x-generation')) }
}

/** The service answers requests to `path` after the test calls `open`. */
export function gate(): { readonly path: string; readonly file: string; open(): void } {
  const file = join(tempDir(), 'open')
  return { path: `/held?by=${file}`, file, open: () => writeFileSync(file, '') }
}

/** A request that stays in flight until `open` is called. */
export async function inFlight(target: Target): Promise<{ request: RawConnection; open(): void }> {
  const { path, open } = gate()
  const request = await connect(target)
  await request.write(get(path))
  // The request that asks for the state is also in flight.
  await until('the request is in flight', async () => (await stateOf(target)).connections.inFlight === 2)
  return { request, open }
}
