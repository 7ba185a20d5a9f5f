import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import type { Logger } from '../base/logger.js'
import { platform } from './process.js'
import { listenForSignals } from './signals.js'

/** Signals of a fake process, and what they led to. */
function signals({
  terminal = false,
  reloadSignals = ['SIGHUP'],
  shutdownSignals = ['SIGTERM', 'SIGINT'],
  kept = [] as string[],
} = {}) {
  const emitter = new EventEmitter()
  const done: string[] = []
  let hasTerminal = terminal
  const fake = {
    ...platform,
    hasTerminal: () => hasTerminal,
    outliveOutput: () => void done.push('prints to nobody'),
    onSignal(signal: NodeJS.Signals, listener: () => void) {
      emitter.on(signal, listener)
      return () => emitter.off(signal, listener)
    },
  }
  const logger: Logger = { info: (_facts, text) => void done.push(text), warn() {}, error() {} }
  const off = listenForSignals(
    fake,
    {
      reloadSignals: reloadSignals as NodeJS.Signals[],
      shutdownSignals: shutdownSignals as NodeJS.Signals[],
    },
    {
      reload: (signal) => void done.push(`reload by ${signal}`),
      shutdown: (signal) => void done.push(`shutdown by ${signal}`),
      cutShort: (signal) => void done.push(`cut short by ${signal}`),
    },
    logger,
    kept,
  )
  return {
    done,
    off,
    emitter,
    loseTerminal: () => {
      hasTerminal = false
    },
    send: (...names: string[]) => names.map((name) => emitter.emit(name)),
  }
}

test('each signal does what it was chosen for', () => {
  const { send, done } = signals({ reloadSignals: ['SIGHUP', 'SIGUSR2'] })
  send('SIGHUP', 'SIGUSR2', 'SIGUSR1', 'SIGTERM')
  expect(done).toEqual(['reload by SIGHUP', 'reload by SIGUSR2', 'shutdown by SIGTERM'])
})

test('a second shutdown signal, of either name, cuts short', () => {
  const { send, done } = signals()
  send('SIGINT', 'SIGTERM', 'SIGTERM')
  expect(done).toEqual(['shutdown by SIGINT', 'cut short by SIGTERM', 'cut short by SIGTERM'])
})

test('SIGHUP is a reload while the terminal is there, and a shutdown when it is gone', () => {
  const { send, done, loseTerminal } = signals({ terminal: true })
  send('SIGHUP')
  loseTerminal()
  send('SIGHUP')
  expect(done).toEqual([
    'reload by SIGHUP',
    'prints to nobody',
    'the terminal is gone: shutting down',
    'shutdown by SIGHUP',
  ])
})

test('a terminal that is gone is told twice, to the session and by its end: that cuts nothing short, as SIGTERM does', () => {
  const { send, done, loseTerminal } = signals({ terminal: true })
  loseTerminal()
  send('SIGHUP', 'SIGHUP')
  expect(done).toEqual(['prints to nobody', 'the terminal is gone: shutting down', 'shutdown by SIGHUP'])
  send('SIGTERM')
  expect(done.at(-1)).toBe('cut short by SIGTERM')
})

test('SIGHUP is a reload where there was no terminal at the start', () => {
  const { send, done } = signals()
  send('SIGHUP', 'SIGHUP')
  expect(done).toEqual(['reload by SIGHUP', 'reload by SIGHUP'])
})

test('another reload signal has nothing to do with the terminal', () => {
  const { send, done, loseTerminal } = signals({ terminal: true, reloadSignals: ['SIGUSR2'] })
  loseTerminal()
  send('SIGUSR2')
  expect(done).toEqual(['reload by SIGUSR2'])
})

test('the way back leaves no observer', () => {
  const { off, emitter, send, done } = signals()
  expect(emitter.eventNames()).toEqual(['SIGHUP', 'SIGTERM', 'SIGINT'])
  off()
  expect(emitter.eventNames()).toEqual([])
  expect(send('SIGTERM')).toEqual([false])
  expect(done).toEqual([])
})

test('kept signals start one shutdown, or a reload if no shutdown signal is among them', () => {
  expect(signals({ kept: ['SIGHUP'] }).done).toEqual(['reload by SIGHUP'])
  const { send, done } = signals({ kept: ['SIGHUP', 'SIGTERM', 'SIGINT'] })
  expect(done).toEqual(['shutdown by SIGTERM'])
  send('SIGTERM')
  expect(done).toEqual(['shutdown by SIGTERM', 'cut short by SIGTERM'])
})
