/** Connection state recovery across generations: each process gets the in-memory sessions and packets of the other. */
import { surroundings } from '@handover/core'
import type { GenerationLink } from './generation-link.js'
import type { Operation, Recovery, Target } from './messages.js'
import { asClientsReceiveIt } from './packets.js'
import {
  type Adapter,
  isInMemory,
  type Namespace,
  type Packet,
  packetTypes,
  type Session,
  type SocketIoServer,
} from './socket-io-internals.js'

export class RecoveryExchange {
  readonly #io: SocketIoServer
  readonly #links = new Set<GenerationLink>()
  readonly #wrapped = new WeakSet<Adapter>()
  /** What belongs to namespaces that do not exist yet. */
  readonly #waiting = new Map<string, Recovery[]>()

  constructor(io: SocketIoServer) {
    this.#io = io
  }

  /** Sends everything that this process knows. */
  open(link: GenerationLink): void {
    this.#links.add(link)
    for (const { name, adapter } of this.#io._nsps.values()) {
      if (!hasRecovery(adapter)) continue
      for (const session of adapter.sessions.values())
        send(link, { nsp: name, sessions: [session], packets: [] })
      const packets = adapter.packets.map((packet) => {
        const { data } = asClientsReceiveIt(this.#io, {
          type: packetTypes.event,
          nsp: name,
          data: [...packet.data],
        })
        const { rooms, except } = packet.opts
        return { ...packet, opts: { rooms, except: except ?? new Set() }, data: data as unknown[] }
      })
      send(link, { nsp: name, sessions: [], packets })
    }
  }

  close(link: GenerationLink): void {
    this.#links.delete(link)
  }

  attach({ name, adapter }: Namespace): void {
    if (this.#wrapped.has(adapter)) return
    this.#wrapped.add(adapter)
    const { persistSession } = adapter
    if (!isInMemory(adapter) || !persistSession) return
    adapter.persistSession = (session: Session) => {
      persistSession.call(adapter, session)
      for (const link of this.#links) send(link, { nsp: name, sessions: [session], packets: [] })
    }
    for (const recovery of this.#waiting.get(name) ?? []) merge(adapter, recovery)
    this.#waiting.delete(name)
  }

  receive(recovery: Recovery, from: GenerationLink): void {
    const { nsp } = recovery
    const namespace = this.#io._nsps.get(nsp)
    if (namespace) merge(namespace.adapter, recovery)
    else this.#waiting.set(nsp, [...(this.#waiting.get(nsp) ?? []), recovery])
    for (const link of this.#links) if (link !== from) send(link, recovery)
  }
}

/** Adds a broadcast of another process to the packets that this one keeps. */
export function keepPacket(adapter: Adapter, packet: Packet, target: Target, from: GenerationLink): void {
  const data = Array.isArray(packet.data) ? packet.data : []
  const id = data.at(-1)
  const isKept = packet.type === packetTypes.event && packet.id === undefined && !target.flags?.volatile
  if (!hasRecovery(adapter) || !isKept || typeof id !== 'string') return
  const kept = { id, opts: target, data, emittedAt: Date.now() }
  // The other process performs this one's own operations later, so its clients miss the packets in that order.
  const later = new Set(from.unheard.map(offsetOf))
  const at = adapter.packets.findIndex((each) => later.has(each.id))
  adapter.packets.splice(at < 0 ? adapter.packets.length : at, 0, kept)
}

/** The offset that connection state recovery adds to the data of an event. */
function offsetOf({ work }: Operation): unknown {
  return work.do === 'broadcast' && Array.isArray(work.packet.data) ? work.packet.data.at(-1) : undefined
}

function merge(adapter: Adapter, { sessions, packets }: Recovery): void {
  if (!hasRecovery(adapter)) return
  for (const session of sessions) adapter.sessions.set(session.pid, session)
  const known = new Set(adapter.packets.map(({ id }) => id))
  adapter.packets.unshift(...packets.filter(({ id }) => !known.has(id)))
}

type WithRecovery = Adapter & Required<Pick<Adapter, 'sessions' | 'packets'>>

const hasRecovery = (adapter: Adapter): adapter is WithRecovery =>
  isInMemory(adapter) && adapter.sessions instanceof Map && Array.isArray(adapter.packets)

function send(link: GenerationLink, recovery: Recovery): void {
  try {
    link.send({ type: 'recovery', recovery })
  } catch (error) {
    surroundings().logger.warn(
      { err: error, namespace: recovery.nsp },
      `a Socket.IO client of namespace ${recovery.nsp} cannot recover its state after this reload: ${error}`,
    )
  }
}
