/**
 * Handles signals instead of the program's own listeners. A shutdown library in the program would end the process at a
 * reload, and cut requests at a shutdown. After the drain of a shutdown, Handover calls the program's listeners itself.
 */

import type net from 'node:net'
import { constants } from 'node:os'
import { observe } from './hidden-observers.js'

/** Node watches a signal only while the signal has a listener. */
const watcher = () => {}

/** Calls `listener` for the signal, and no listener of the program. Returns a function that stops this. */
export function takeSignal(signal: NodeJS.Signals, listener: () => void): () => void {
  const instead = () => {
    listener()
    return true
  }
  const stop = observe(process, { instead: { [signal]: instead } })
  // Node calls the `emit` that the process had when the first listener was added: add all of them again.
  const others = process.rawListeners(signal) as (() => void)[]
  process.removeAllListeners(signal)
  for (const each of [watcher, ...others]) process.on(signal, each)
  return () => {
    stop()
    process.off(signal, watcher)
  }
}

/**
 * Lets the program close a server that Handover has closed: its next `close` succeeds, and does not report
 * ERR_SERVER_NOT_RUNNING. @godaddy/terminus for one would skip the program's cleanup.
 */
export function expectClose(server: net.Server): void {
  if (server.listening) return
  const close = (done?: () => void): net.Server => {
    Reflect.deleteProperty(server, 'close')
    if (done) server.once('close', () => done())
    return server.close()
  }
  Object.defineProperty(server, 'close', { value: close, configurable: true, writable: true })
}

/** The program's listeners for the signal, ready to be called. */
export function programListeners(signal: NodeJS.Signals): (() => unknown)[] {
  const listeners = process.rawListeners(signal).filter((each) => each !== watcher)
  return listeners.map((each) => () => Reflect.apply(each, process, [signal, constants.signals[signal]]))
}
