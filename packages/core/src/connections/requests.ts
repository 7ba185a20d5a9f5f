/**
 * Counts the HTTP/1.1 requests of every server of the process, and finds those that a connection must know about. Its code
 * runs for each request, so it is short and reads only memory that Node has just used
 * (docs/decisions/0038-instructions-of-a-request.md).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type net from 'node:net'
import { observe } from '../platform/hidden-observers.js'
import { isHttp2 } from '../platform/server-kind.js'

/** The number of reasons to look at each request. */
export interface RequestInterest {
  count: number
}

export type OnRequest = (message: IncomingMessage, response: ServerResponse) => void

export class RequestCounter {
  total = 0
  readonly #interest: RequestInterest

  constructor(interest: RequestInterest) {
    this.#interest = interest
  }

  /** Calls `examine` for pipelined requests, and for all requests while the interest is set. */
  observe(server: net.Server, examine: OnRequest): () => void {
    const interest = this.#interest
    const count: OnRequest = (message, response) => {
      this.total++
      // Node gives a response its socket when the responses before it have ended.
      if (interest.count !== 0 || response.socket === null) examine(message, response)
    }
    // The requests of an HTTP/2 session are streams.
    const request = isHttp2(server) ? onlyHttp1(count) : count
    return observe(server, { before: { request, checkContinue: request, checkExpectation: request } })
  }
}

const onlyHttp1 =
  (onRequest: OnRequest): OnRequest =>
  (message, response) => {
    if (message.httpVersionMajor === 1) onRequest(message, response)
  }
