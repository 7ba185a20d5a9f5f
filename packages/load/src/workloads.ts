import { Client, type Exchange, pause } from './client.js'
import type { Target } from './connection.js'
import { download, get, upload } from './exchanges.js'
import { type LoadResult, Tally } from './tally.js'

export interface RunOptions {
  /** After it aborts, clients finish their current request and start no other. */
  readonly signal?: AbortSignal
  /** Counts the results. If several workloads share a tally, the result covers all of them. */
  readonly tally?: Tally
  /** The time limit of the run, even without a signal. */
  readonly maxMs?: number
  readonly requestsPerClient?: number
  /** Whether a client stops after a response with `Connection: close`, as at a shutdown of the service. */
  readonly leaveOnClose?: boolean
  /** How long a connection may go without progress. */
  readonly stallMs?: number
  /** How long one request may take in total. */
  readonly requestMs?: number
}

/** Starts the clients and resolves when all of them have finished. */
export type Workload = (target: Target, options?: RunOptions) => Promise<LoadResult>

export interface Think {
  readonly minMs: number
  readonly maxMs: number
}

const DEFAULTS = Object.freeze({
  maxMs: 120_000,
  requestsPerClient: 1_000_000,
  leaveOnClose: false,
  stallMs: 30_000,
  requestMs: 60_000,
})
const MIB = 1024 * 1024

/** Without a server every request fails at once. This pause keeps the number of failures readable. */
const PAUSE_AFTER_FAILURE_MS = 20

/** How often a client that thinks checks whether the run is over. */
const THINK_STEP_MS = 100

interface Plan {
  readonly name: string
  readonly clients: number
  readonly exchange: Exchange
  /** Called after each response. */
  readonly afterwards?: (client: Client, isOver: () => boolean) => Promise<void>
}

export interface RequestOptions {
  readonly clients?: number
  /** A random pause after each response; 0 for none. */
  readonly think?: 0 | Think
  readonly path?: string
  /** The expected body. */
  readonly answer?: RegExp
}

/** Uses a new connection for each request. The client closes it after the response. */
export function newConnections({
  clients = 8,
  think = 0,
  path = '/',
  answer,
}: RequestOptions = {}): Workload {
  return workload({
    name: 'new-connections',
    clients,
    exchange: get(path, answer),
    afterwards(client, isOver) {
      client.close()
      return thinkFor(client, think, isOver)
    },
  })
}

/** Sends one request after another on the same connection. */
export function keepAlive({ clients = 8, think = 0, path = '/', answer }: RequestOptions = {}): Workload {
  return workload({
    name: think === 0 ? 'keep-alive' : 'keep-alive-thinking',
    clients,
    exchange: get(path, answer),
    afterwards: (client, isOver) => thinkFor(client, think, isOver),
  })
}

/** Sends keep-alive requests that take the server `ms` each. */
export function slowRequests({
  clients = 10,
  ms = 2000,
  answer,
}: Omit<RequestOptions, 'think' | 'path'> & { readonly ms?: number } = {}): Workload {
  return workload({ name: 'slow-requests', clients, exchange: get(`/slow?ms=${ms}`, answer) })
}

export interface TransferOptions {
  readonly clients?: number
  readonly bytes?: number
  /** The minimum duration of one transfer. */
  readonly overMs?: number
}

export interface UploadOptions extends TransferOptions {
  /** A random pause after each response; 0 for none. */
  readonly think?: 0 | Think
}

/** Sends request bodies slowly. Each response must be the SHA-256 of its request. */
export function uploads({
  clients = 4,
  bytes = 4 * MIB,
  overMs = 2000,
  think = 0,
}: UploadOptions = {}): Workload {
  return workload({
    name: 'uploads',
    clients,
    exchange: upload(bytes, overMs),
    afterwards: (client, isOver) => thinkFor(client, think, isOver),
  })
}

/** Reads responses slowly, and checks their length and SHA-256. */
export function downloads({ clients = 4, bytes = 8 * MIB, overMs = 2000 }: TransferOptions = {}): Workload {
  return workload({ name: 'downloads', clients, exchange: download(bytes, overMs) })
}

/** One workload of every kind. */
export function everyWorkload(): Workload[] {
  return [
    newConnections(),
    keepAlive(),
    keepAlive({ clients: 50, think: { minMs: 0, maxMs: 400 } }),
    slowRequests(),
    uploads(),
    downloads(),
  ]
}

export interface MixedLoadOptions extends RunOptions {
  readonly workloads?: readonly Workload[]
}

/** Runs several workloads at the same time, with one result. */
export async function mixedLoad(
  target: Target,
  { workloads = everyWorkload(), tally = new Tally(), ...options }: MixedLoadOptions = {},
): Promise<LoadResult> {
  await Promise.all(workloads.map((run) => run(target, { ...options, tally })))
  return tally.result()
}

function workload({ name, clients, exchange, afterwards }: Plan): Workload {
  return async (target, options = {}) => {
    const { maxMs, requestsPerClient, leaveOnClose, stallMs, requestMs, signal, tally } = {
      tally: new Tally(),
      ...DEFAULTS,
      ...options,
    }
    const endsAt = performance.now() + maxMs
    const isOver = () => signal?.aborted === true || performance.now() >= endsAt

    const runClient = async (index: number): Promise<void> => {
      const client = new Client(target, { workload: name, index, tally, stallMs, requestMs })
      for (let done = 0; done < requestsPerClient && !isOver(); done++) {
        if (await client.request(exchange)) await afterwards?.(client, isOver)
        else await pause(PAUSE_AFTER_FAILURE_MS)
        if (leaveOnClose && client.closeAnnounced) break
      }
      client.leave()
    }
    await Promise.all(Array.from({ length: clients }, (_, index) => runClient(index)))
    return tally.result()
  }
}

async function thinkFor(client: Client, think: 0 | Think, isOver: () => boolean): Promise<void> {
  if (think === 0) return
  const ms = think.minMs + Math.random() * (think.maxMs - think.minMs)
  const until = performance.now() + ms
  for (let left = ms; left > 0 && !isOver(); left = until - performance.now()) {
    await client.think(Math.min(left, THINK_STEP_MS))
  }
}
