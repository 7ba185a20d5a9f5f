/** The Socket.IO servers of the generations before and after this one: their messages, and what they cause here. */
import { meetPeers, type Peer, type PeerListener } from '@handover/core'
import { Arrivals } from './arrivals.js'
import { Departures } from './departures.js'
import { GenerationLink } from './generation-link.js'
import type { LateCall, PeerMessage } from './messages.js'
import { NumberedBroadcasts } from './numbered-broadcasts.js'
import { PendingAnswers } from './pending-answers.js'
import { perform } from './perform.js'
import { RecoveryExchange } from './recovery.js'
import { Relay } from './relay.js'
import {
  type Connection,
  forEachNamespace,
  type Namespace,
  type ServerSocket,
  type SocketIoServer,
} from './socket-io-internals.js'

export interface GenerationsOptions {
  readonly protocol: string
  readonly skipMiddlewares: boolean
  readonly ackTimeoutMs: number
  readonly moved: (socket: ServerSocket) => void
  readonly onMissing: (part: string) => void
}

type Handlers = {
  readonly [Type in PeerMessage['type']]: (
    message: PeerMessage & { type: Type },
    from: GenerationLink,
  ) => void
}

export class Generations {
  readonly arrivals: Arrivals
  readonly departures: Departures
  readonly #io: SocketIoServer
  readonly #relay: Relay
  readonly #recovery: RecoveryExchange
  readonly #answers: PendingAnswers
  readonly #numbered = new NumberedBroadcasts()
  #predecessor: GenerationLink | undefined
  #successor: GenerationLink | undefined
  readonly #handlers: Handlers = {
    hello: (_, from) => this.#open(from),
    recovery: ({ recovery }, from) => this.#recovery.receive(recovery, from),
    operation: ({ operation, heard }, from) => {
      from.onHeard(heard)
      this.#relay.receive(operation, from)
    },
    heard: ({ heard }, from) => from.onHeard(heard),
    late: ({ sid, call }) => this.#onLateCall(sid, call),
    ack: ({ nsp, id, ack, args }) => this.#acknowledge(nsp, id, ack, args),
    settle: (_, from) => from.send({ type: 'settled' }),
    settled: (_, from) => from.onSettled(),
    question: (message, from) => this.#relay.answer(message, from),
    answer: (message, from) => from.onAnswer(message),
  }

  constructor(io: SocketIoServer, options: GenerationsOptions) {
    this.#io = io
    this.#relay = new Relay(io, (operation) => this.arrivals.onOperation(operation))
    this.#recovery = new RecoveryExchange(io)
    this.arrivals = new Arrivals(io, {
      skipMiddlewares: options.skipMiddlewares,
      missedOperations: (heard) => this.#predecessor?.since(heard) ?? [],
      deliverMissing: (socket, received) => this.#numbered.arrive(socket, received),
      onForeignAck: ({ nsp, id }, ack, args) => this.#acknowledge(nsp.name, id, ack, args),
      perform: (connection, call) => this.#perform(connection, call),
    })
    this.departures = new Departures(io, {
      ackTimeoutMs: options.ackTimeoutMs,
      heard: () => this.#successor?.heard ?? 0,
      receivedBy: (socket) => this.#numbered.receivedBy(socket),
      sendLateCall: (sid, call) => this.#successor?.send({ type: 'late', sid, call }),
      onMissing: options.onMissing,
      moved: options.moved,
    })
    this.#answers = new PendingAnswers(io, options.ackTimeoutMs)
    forEachNamespace(io, (namespace) => this.#attach(namespace))
    meetPeers(options.protocol, (peer) => this.#meet(peer))
  }

  /** Resolves when the handlers of this process have answered the clients that have moved. */
  answered(): Promise<void> {
    return this.#answers.answered((socket) => this.departures.isGone(socket))
  }

  /** Resolves when the successor has received everything: broadcasts, late calls and acknowledgements. */
  async settle(): Promise<void> {
    await this.#successor?.settle()
  }

  #meet(peer: Peer): PeerListener {
    const link = new GenerationLink(peer)
    if (peer.role === 'predecessor') {
      this.#predecessor = link
      this.#numbered.begin()
      link.send({ type: 'hello' })
      this.#open(link)
    } else this.#successor = link
    return {
      receive: (data) => this.#receive(data as PeerMessage, link),
      closed: () => this.#close(link),
    }
  }

  #open(link: GenerationLink): void {
    this.#relay.open(link)
    this.#recovery.open(link)
  }

  #close(link: GenerationLink): void {
    this.#relay.close(link)
    this.#recovery.close(link)
    if (link === this.#successor) this.#successor = undefined
    else {
      this.arrivals.end()
      this.#numbered.end()
    }
  }

  #receive(message: PeerMessage, from: GenerationLink): void {
    const handler = this.#handlers[message.type] as
      | ((message: PeerMessage, from: GenerationLink) => void)
      | undefined
    handler?.(message, from)
  }

  /** Also when the program sets another adapter. */
  #attach(namespace: Namespace): void {
    const attach = () => {
      this.#relay.attach(namespace)
      this.#numbered.attach(namespace)
      this.#recovery.attach(namespace)
    }
    const { _initAdapter } = namespace
    namespace._initAdapter = () => {
      _initAdapter.call(namespace)
      attach()
    }
    attach()
  }

  #onLateCall(sid: string, call: LateCall): void {
    if (this.departures.hasMoved(sid)) this.#successor?.send({ type: 'late', sid, call })
    else this.arrivals.onLateCall(sid, call)
  }

  #perform(connection: Connection, call: LateCall): void {
    switch (call.do) {
      case 'send':
        connection.sendPacket(call.type, call.data, call.options)
        break
      case 'close':
        connection.close()
        break
      case 'operate': {
        const namespace = this.#io._nsps.get(call.nsp)
        if (namespace) perform(namespace, call)
        break
      }
      default:
        call satisfies never
    }
  }

  #acknowledge(nsp: string, id: string, ack: number, args: unknown[]): void {
    if (!this.departures.acknowledge(id, ack, args))
      this.#predecessor?.send({ type: 'ack', nsp, id, ack, args })
  }
}
