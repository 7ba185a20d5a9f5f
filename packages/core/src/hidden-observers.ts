/**
 * Observes an emitter of the program, such as a server or a session, without adding listeners. So `listenerCount`,
 * `listeners`, `removeAllListeners` and the warning about too many listeners behave as without Handover
 * (docs/decisions/0025-hidden-observers.md).
 */
import type { EventEmitter } from 'node:events'

type Observe = (...args: never[]) => void
/** Returns whether it handled the event. Then the emitter's listeners do not get it. */
type Take = (...args: never[]) => boolean

export interface Observers {
  /** Called before the listeners of the emitter. The observers added last come first. */
  readonly before?: Readonly<Record<string, Observe>>
  readonly instead?: Readonly<Record<string, Take>>
  /** Called after the listeners, even if one of them throws. */
  readonly after?: Readonly<Record<string, Observe>>
}

type Listed = (...args: unknown[]) => unknown
type Lists = Record<keyof Observers, Map<string | symbol, readonly Listed[]>>
const moments = ['before', 'instead', 'after'] as const

interface Hidden {
  readonly lists: Lists
  /** Removes the own `emit`, unless another tool has wrapped it. */
  unhide(): void
}

const hidden = new WeakMap<EventEmitter, Hidden>()

/** Returns a function that removes the observers. */
export function observe(emitter: EventEmitter, observers: Observers): () => void {
  const { lists, unhide } = hidden.get(emitter) ?? hide(emitter)
  const all = moments.flatMap((moment) =>
    Object.entries(observers[moment] ?? {}).map(
      ([event, each]) => [lists[moment], event, each as Listed] as const,
    ),
  )
  for (const [list, event, each] of all) list.set(event, [each, ...(list.get(event) ?? [])])
  return () => {
    for (const [list, event, each] of all) {
      const others = (list.get(event) ?? []).filter((other) => other !== each)
      if (others.length > 0) list.set(event, others)
      else list.delete(event)
    }
    if (moments.every((moment) => lists[moment].size === 0)) unhide()
  }
}

/** An own `emit`, which calls whatever `emit` the emitter inherits at that moment. */
function hide(emitter: EventEmitter): Hidden {
  const lists: Lists = { before: new Map(), instead: new Map(), after: new Map() }
  const { before, instead, after } = lists
  const descriptor = Object.getOwnPropertyDescriptor(emitter, 'emit')
  const own = descriptor?.value as EventEmitter['emit'] | undefined
  const inherited = Object.getPrototypeOf(emitter) as EventEmitter
  function emit(this: EventEmitter, event: string | symbol, ...args: unknown[]): boolean {
    const first = before.get(event)
    if (first) for (const each of first) each(...args)
    if (instead.get(event)?.some((take) => take(...args))) return true
    const last = after.get(event)
    if (!last) return (own ?? inherited.emit).call(this, event, ...args)
    try {
      return (own ?? inherited.emit).call(this, event, ...args)
    } finally {
      for (const each of last) each(...args)
    }
  }
  Object.defineProperty(emitter, 'emit', { value: emit, configurable: true, writable: true })
  const unhide = () => {
    if (emitter.emit !== emit) return
    hidden.delete(emitter)
    if (descriptor) Object.defineProperty(emitter, 'emit', descriptor)
    else Reflect.deleteProperty(emitter, 'emit')
  }
  const all = { lists, unhide }
  hidden.set(emitter, all)
  return all
}
