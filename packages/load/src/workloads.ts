import { Client, type Exchange, pause } from './client.js'
import type { Target } from './connection.js'
import { download, get, upload } from './exchanges.js'
import { type LoadResult, Tally } from './tally.js'

export interface RunOptions {
  /** No request is begun after it; those that were begun are finished. */
  readonly signal?: AbortSignal
  /** Where to count. Shared by those it was given to; the result is then of all of them. */
  readonly tally?: Tally
  /** The end of the run, whatever the signal does. */
  readonly maxMs?: number
  readonly requestsPerClient?: number
  /** A client that was told `Connection: close` leaves, because the service shuts down. */
  readonly leaveWhenTold?: boolean
  /** How long a connection may go without progress. */
  readonly stallMs?: number
  /** How long one request may take in all. */
  readonly requestMs?: number
}

/** Starts its clients, and resolves when the last of them has finished its last request. */
export type Workload = (target: Target, options?: RunOptions) => Promise<LoadResult>

export interface Think {
  readonly minMs: number
  readonly maxMs: number
}

const DEFAULTS = Object.freeze({
  maxMs: 120_000,
  requestsPerClient: 1_000_000,
  leaveWhenTold: false,
  stallMs: 30_000,
  requestMs: 60_000,
})
const MIB = 1024 * 1024

/** A server that is away fails every request at once: this keeps the count of failures readable. */
const PAUSE_AFTER_FAILURE_MS = 20

/** A client that thinks looks this often whether the run is over. */
const THINK_STEP_MS = 100

interface Plan {
  readonly name: string
  readonly clients: number
  readonly exchange: Exchange
  /** What a client does after each answer. */
  readonly afterwards?: (client: Client, isOver: () => boolean) => Promise<void>
}

export interface RequestOptions {
  readonly clients?: number
  /** A random pause after each answer, or none. */
  readonly think?: 0 | Think
  /** What a right answer is. */
  readonly answer?: RegExp
}

/** A new connection for each request; the client closes it when it has the answer. */
export function newConnections({ clients = 8, think = 0, answer }: RequestOptions = {}): Workload {
  return workload({
    name: 'new-connections',
    clients,
    exchange: get('/', answer),
    afterwards(client, isOver) {
      client.close()
      return thinkFor(client, think, isOver)
    },
  })
}

/** One request after the other on the same connection. */
export function keepAlive({ clients = 8, think = 0, answer }: RequestOptions = {}): Workload {
  return workload({
    name: think === 0 ? 'keep-alive' : 'keep-alive-thinking',
    clients,
    exchange: get('/', answer),
    afterwards: (client, isOver) => thinkFor(client, think, isOver),
  })
}

/** Keep-alive clients whose every answer takes `ms`. */
export function slowRequests({
  clients = 10,
  ms = 2000,
  answer,
}: Omit<RequestOptions, 'think'> & { readonly ms?: number } = {}): Workload {
  return workload({ name: 'slow-requests', clients, exchange: get(`/slow?ms=${ms}`, answer) })
}

export interface TransferOptions {
  readonly clients?: number
  readonly bytes?: number
  /** How long one transfer takes at least. */
  readonly overMs?: number
}

/** Request bodies that are sent slowly; the answer must be their SHA-256. */
export function uploads({ clients = 4, bytes = 4 * MIB, overMs = 2000 }: TransferOptions = {}): Workload {
  return workload({ name: 'uploads', clients, exchange: upload(bytes, overMs) })
}

/** Answers that are read slowly; their length and SHA-256 must be right. */
export function downloads({ clients = 4, bytes = 8 * MIB, overMs = 2000 }: TransferOptions = {}): Workload {
  return workload({ name: 'downloads', clients, exchange: download(bytes, overMs) })
}

/** Every kind of client at once. */
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

/** Runs several workloads together, with one result. */
export async function mixedLoad(
  target: Target,
  { workloads = everyWorkload(), tally = new Tally(), ...options }: MixedLoadOptions = {},
): Promise<LoadResult> {
  await Promise.all(workloads.map((run) => run(target, { ...options, tally })))
  return tally.result()
}

function workload({ name, clients, exchange, afterwards }: Plan): Workload {
  return async (target, options = {}) => {
    const { maxMs, requestsPerClient, leaveWhenTold, stallMs, requestMs, signal, tally } = {
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
        if (leaveWhenTold && client.toldToClose) break
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
