import type { Generation } from '../generation/generation.js'
import { makeMovable, resumeStream, streamProtocol } from '../transfer/event-stream.js'
import type { GracefulHandle } from './handle.js'

export function handleOf(generation: Generation): GracefulHandle {
  const { parts } = generation
  const { hooks, machine, tracker, incoming } = parts
  const { events } = machine
  const predecessor = parts.predecessor()
  return {
    get state() {
      return machine.state.name
    },
    generation: parts.self.number,
    predecessor: predecessor && {
      pid: predecessor.pid,
      generation: predecessor.generation,
      ended: predecessor.ended,
    },
    reload: () => generation.reload(),
    shutdown: () => parts.shutdown(),
    drain: (server) => generation.serverDrains.drain(server),
    ready: () => generation.ready(),
    setReady(ready) {
      generation.health.setReady(ready)
      return this
    },
    connections: () => tracker.counts(),
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
}
