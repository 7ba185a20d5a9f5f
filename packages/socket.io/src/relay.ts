/**
 * Makes the in-memory adapters of two generations act as one: a broadcast reaches every client once, whichever process
 * has it. Each process numbers its operations. A client that moves carries how many operations of the successor its
 * predecessor had performed, so the successor performs exactly the remaining ones for it.
 */
import type { GenerationLink } from './generation-link.js'
import type { Operation, PeerMessage, RemoteDetails, Target } from './messages.js'
import { asClientsReceiveIt } from './packets.js'
import { perform } from './perform.js'
import { keepPacket } from './recovery.js'
import {
  type Acknowledge,
  type Adapter,
  type BroadcastOptions,
  baseAdapter,
  isInMemory,
  type Namespace,
  type Packet,
  type SocketIoServer,
} from './socket-io-internals.js'

export class Relay {
  readonly #io: SocketIoServer
  readonly #links = new Set<GenerationLink>()
  readonly #wrapped = new WeakSet<Adapter>()
  /** Called for each operation, before clients that are still arriving belong to their namespaces. */
  readonly #onOperation: (operation: Operation) => void

  constructor(io: SocketIoServer, onOperation: (operation: Operation) => void) {
    this.#io = io
    this.#onOperation = onOperation
  }

  open(link: GenerationLink): void {
    this.#links.add(link)
  }

  close(link: GenerationLink): void {
    this.#links.delete(link)
    link.close()
  }

  /** Adds the relay to the adapter of `namespace`. Adapters for several processes need none. */
  attach(namespace: Namespace): void {
    const { adapter } = namespace
    if (!isInMemory(adapter) || this.#wrapped.has(adapter)) return
    this.#wrapped.add(adapter)
    this.#relayWork(adapter, namespace.name)
    this.#relayQuestions(adapter, namespace.name)
  }

  /** Performs an operation of another generation. */
  receive(operation: Operation, from: GenerationLink): void {
    from.performed()
    const namespace = this.#io._nsps.get(operation.nsp)
    if (namespace && isInMemory(namespace.adapter)) {
      const { work, target } = operation
      if (work.do === 'broadcast') keepPacket(namespace.adapter, work.packet, target, from)
      perform(namespace, operation)
    }
    this.#publish(operation, from)
  }

  /** Answers a question of another generation, and passes it on. */
  answer({ number, nsp, target, packet }: PeerMessage & { type: 'question' }, from: GenerationLink): void {
    const adapter = this.#io._nsps.get(nsp)?.adapter
    const others = this.#others(from)
    const reply = (answer: Partial<PeerMessage & { type: 'answer' }>) =>
      from.send({ type: 'answer', number, ...answer })
    if (!packet) {
      void Promise.all([
        adapter
          ? baseAdapter(adapter)
              .fetchSockets.call(adapter, { ...target })
              .then((found) => found.map(details))
          : [],
        ...others.map((link) => link.sockets(nsp, target)),
      ]).then((found) => reply({ sockets: found.flat() }))
      return
    }
    let counted = 0
    let expected = others.length + 1
    const count = (clients: number) => {
      counted += clients
      if (--expected === 0) reply({ count: counted })
    }
    const ack: Acknowledge = (...args) => reply({ args })
    if (adapter) baseAdapter(adapter).broadcastWithAck.call(adapter, { ...packet }, { ...target }, count, ack)
    else count(0)
    for (const link of others) link.acknowledgements({ nsp, target, packet }, count, ack)
  }

  #others(from?: GenerationLink): GenerationLink[] {
    return [...this.#links].filter((link) => link !== from)
  }

  #publish(operation: Operation, from?: GenerationLink): void {
    for (const link of this.#others(from)) link.sendOperation(operation)
    this.#onOperation(operation)
  }

  #relayWork(adapter: Adapter, nsp: string): void {
    const { broadcast, addSockets, delSockets, disconnectSockets } = adapter
    const publish = (options: BroadcastOptions, work: () => Operation['work']) => {
      if (this.#links.size > 0) this.#publish({ nsp, target: targetOf(options), work: work() })
    }
    Object.assign(adapter, {
      broadcast: (packet: Packet, options: BroadcastOptions) => {
        broadcast.call(adapter, packet, options)
        publish(options, () => ({ do: 'broadcast', packet: asClientsReceiveIt(this.#io, packet) }))
      },
      addSockets: (options: BroadcastOptions, rooms: string[]) => {
        addSockets.call(adapter, options, rooms)
        publish(options, () => ({ do: 'join', rooms }))
      },
      delSockets: (options: BroadcastOptions, rooms: string[]) => {
        delSockets.call(adapter, options, rooms)
        publish(options, () => ({ do: 'leave', rooms }))
      },
      disconnectSockets: (options: BroadcastOptions, close: boolean) => {
        disconnectSockets.call(adapter, options, close)
        publish(options, () => ({ do: 'disconnect', close }))
      },
    })
  }

  #relayQuestions(adapter: Adapter, nsp: string): void {
    const { broadcastWithAck, fetchSockets, serverCount } = adapter
    Object.assign(adapter, {
      broadcastWithAck: (
        packet: Packet,
        options: BroadcastOptions,
        count: (clients: number) => void,
        ack: Acknowledge,
      ) => {
        broadcastWithAck.call(adapter, packet, options, count, ack)
        if (this.#links.size === 0) return
        const question = { nsp, target: targetOf(options), packet: asClientsReceiveIt(this.#io, packet) }
        for (const link of this.#links) link.acknowledgements(question, count, ack)
      },
      fetchSockets: async (options: BroadcastOptions) => {
        const target = targetOf(options)
        const remote = [...this.#links].map((link) => link.sockets(nsp, target))
        return [await fetchSockets.call(adapter, options), ...(await Promise.all(remote))].flat()
      },
      // Socket.IO waits for this many counts of acknowledgements.
      serverCount: async () => (await serverCount.call(adapter)) + this.#links.size,
    })
  }
}

const targetOf = ({ rooms, except = new Set(), flags = {} }: BroadcastOptions): Target => {
  const { volatile, compress } = flags
  return { rooms: new Set(rooms), except: new Set(except), flags: { volatile, compress } }
}

function details(socket: unknown): RemoteDetails {
  const { id, handshake, rooms, data } = socket as RemoteDetails
  return { id, handshake, rooms: [...rooms], data }
}
