/**
 * Observes an emitter of the program, such as a server or a session, without adding listeners. `listenerCount`,
 * `listeners`, `removeAllListeners` and the warning about too many listeners work as without Handover
 * (docs/decisions/0025-hidden-observers.md).
 */
import type { EventEmitter } from 'node:events'

type Observe = (...args: never[]) => void
/** Returns whether it handled the event. The emitter's listeners do not get a handled event. */
type Take = (...args: never[]) => boolean

export interface Observers {
  /** Called before the listeners of the emitter. The observers added last run first. */
  readonly before?: Readonly<Record<string, Observe>>
  readonly instead?: Readonly<Record<string, Take>>
  /** Called after the listeners, even if one of them throws. */
  readonly after?: Readonly<Record<string, Observe>>
}

/** The arguments of `emit`. */
type Emitted = [event: string | symbol, ...args: unknown[]]
type Listed = (...args: unknown[]) => unknown
type Entry = Readonly<Record<keyof Observers, readonly Listed[]>>
type Entries = Map<string | symbol, Entry>
const moments = ['before', 'instead', 'after'] as const
const noEntry: Entry = { before: [], instead: [], after: [] }

/** A server emits this event for each request. */
const frequent = 'request'

interface Hidden {
  readonly entries: Entries
  /** Call it after each change of the entries. */
  changed(): void
  /** Removes the emitter's own `emit`, unless another tool has wrapped it. */
  unhide(): void
}

const hidden = new WeakMap<EventEmitter, Hidden>()

/** Returns a function that removes the observers. */
export function observe(emitter: EventEmitter, observers: Observers): () => void {
  const { entries, changed, unhide } = hidden.get(emitter) ?? hide(emitter)
  const all = moments.flatMap((moment) =>
    Object.entries(observers[moment] ?? {}).map(([event, each]) => [event, moment, each as Listed] as const),
  )
  for (const [event, moment, each] of all) {
    const entry = entries.get(event) ?? noEntry
    entries.set(event, { ...entry, [moment]: [each, ...entry[moment]] })
  }
  changed()
  return () => {
    for (const [event, moment, each] of all) {
      const entry = entries.get(event) ?? noEntry
      const rest = { ...entry, [moment]: entry[moment].filter((other) => other !== each) }
      if (moments.some((any) => rest[any].length > 0)) entries.set(event, rest)
      else entries.delete(event)
    }
    changed()
    if (entries.size === 0) unhide()
  }
}

/**
 * Gives the emitter its own `emit`, which calls the `emit` that the emitter inherits at that moment. V8 makes it part of
 * Node's code for a request only if it is short (docs/decisions/0038-instructions-of-a-request.md).
 */
function hide(emitter: EventEmitter): Hidden {
  const entries: Entries = new Map()
  const descriptor = Object.getOwnPropertyDescriptor(emitter, 'emit')
  const own = descriptor?.value as EventEmitter['emit'] | undefined
  const inherited = Object.getPrototypeOf(emitter) as EventEmitter
  let onFrequent: Listed | undefined
  function emit(this: EventEmitter, ...args: Emitted): boolean {
    if (args.length === 3 && args[0] === frequent && onFrequent !== undefined) {
      onFrequent(args[1], args[2])
      return (own ?? inherited.emit).call(this, args[0], args[1], args[2])
    }
    return emitObserved.apply(this, args)
  }
  function emitObserved(this: EventEmitter, ...[event, ...args]: Emitted): boolean {
    const { before, instead, after } = entries.get(event) ?? noEntry
    for (const each of before) each(args[0], args[1])
    for (const take of instead) if (take(args[0], args[1])) return true
    if (after.length === 0) return (own ?? inherited.emit).call(this, event, ...args)
    try {
      return (own ?? inherited.emit).call(this, event, ...args)
    } finally {
      for (const each of after) each(args[0], args[1])
    }
  }
  Object.defineProperty(emitter, 'emit', { value: emit, configurable: true, writable: true })
  const changed = () => {
    onFrequent = onlyObserverOf(entries.get(frequent))
  }
  const unhide = () => {
    if (emitter.emit !== emit) return
    hidden.delete(emitter)
    if (descriptor) Object.defineProperty(emitter, 'emit', descriptor)
    else Reflect.deleteProperty(emitter, 'emit')
  }
  const all = { entries, changed, unhide }
  hidden.set(emitter, all)
  return all
}

/** The observer before the listeners, if it is the only observer of the event. */
function onlyObserverOf({ before, instead, after }: Entry = noEntry): Listed | undefined {
  return before.length + instead.length + after.length === 1 ? before[0] : undefined
}
