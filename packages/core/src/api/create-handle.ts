import type { Generation } from '../generation/generation.js'
import { makeMovable, resumeStream, streamProtocol } from '../transfer/event-stream.js'
import type { GracefulHandle } from './handle.js'

/** The public face of a generation. */
export function handleOf(generation: Generation): GracefulHandle {
  const { hooks, machine, predecessor, tracker, incoming } = generation
  const { events } = machine
  const handle: GracefulHandle = {
    get state() {
      return machine.state.name
    },
    generation: generation.self.number,
    predecessor: predecessor && {
      pid: predecessor.pid,
      generation: predecessor.generation,
      ended: predecessor.ended,
    },
    reload: () => generation.reload(),
    shutdown: () => generation.shutdown(),
    drain: (server) => generation.serverDrains.drain(server),
    ready: () => generation.sayReady(),
    setReady(ready) {
      generation.health.setReady(ready)
      return this
    },
    connections: () => generation.tracker.counts(),
    on(event, observer) {
      events.on(event, observer as never)
      return this
    },
    off(event, observer) {
      events.off(event, observer as never)
      return this
    },
    beforeReady(hook) {
      hooks.beforeReady.push(hook)
      return this
    },
    beforeDrain(hook) {
      hooks.beforeDrain.push(hook)
      return this
    },
    onDrained(hook) {
      hooks.drained.push(hook)
      return this
    },
    provideState(provide) {
      hooks.state = provide
      return this
    },
    onHandoverFailed(hook) {
      hooks.failed.push(hook)
      return this
    },
    onHandover(response, hook, options = {}) {
      makeMovable(tracker, response, hook, options)
      return this
    },
    resumeStreams(resume) {
      incoming.receive(streamProtocol, (incoming) => resumeStream(incoming, tracker, resume))
      return this
    },
    inheritedState: <T>() =>
      (predecessor?.inheritedState() ?? Promise.resolve(undefined)) as Promise<T | undefined>,
  }
  return handle
}
