import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import type { Logger } from '../base/logger.js'
import { platform } from './process.js'
import { listenForSignals } from './signals.js'

/** Signals to a fake process, and the actions that they cause. */
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
    ignoreOutputErrors: () => void done.push('ignores output errors'),
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

test('each signal triggers its configured action', () => {
  const { send, done } = signals({ reloadSignals: ['SIGHUP', 'SIGUSR2'] })
  send('SIGHUP', 'SIGUSR2', 'SIGUSR1', 'SIGTERM')
  expect(done).toEqual(['reload by SIGHUP', 'reload by SIGUSR2', 'shutdown by SIGTERM'])
})

test('any second shutdown signal cuts the shutdown short', () => {
  const { send, done } = signals()
  send('SIGINT', 'SIGTERM', 'SIGTERM')
  expect(done).toEqual(['shutdown by SIGINT', 'cut short by SIGTERM', 'cut short by SIGTERM'])
})

test('SIGHUP reloads while the terminal exists and shuts down when it is closed', () => {
  const { send, done, loseTerminal } = signals({ terminal: true })
  send('SIGHUP')
  loseTerminal()
  send('SIGHUP')
  expect(done).toEqual([
    'reload by SIGHUP',
    'ignores output errors',
    'the terminal has closed: shutting down',
    'shutdown by SIGHUP',
  ])
})

test('the second SIGHUP of a closed terminal does not cut the shutdown short; SIGTERM does', () => {
  const { send, done, loseTerminal } = signals({ terminal: true })
  loseTerminal()
  send('SIGHUP', 'SIGHUP')
  expect(done).toEqual([
    'ignores output errors',
    'the terminal has closed: shutting down',
    'shutdown by SIGHUP',
  ])
  send('SIGTERM')
  expect(done.at(-1)).toBe('cut short by SIGTERM')
})

test('SIGHUP reloads if there was no terminal at startup', () => {
  const { send, done } = signals()
  send('SIGHUP', 'SIGHUP')
  expect(done).toEqual(['reload by SIGHUP', 'reload by SIGHUP'])
})

test('a reload signal other than SIGHUP reloads even if the terminal is closed', () => {
  const { send, done, loseTerminal } = signals({ terminal: true, reloadSignals: ['SIGUSR2'] })
  loseTerminal()
  send('SIGUSR2')
  expect(done).toEqual(['reload by SIGUSR2'])
})

test('the returned function removes all listeners', () => {
  const { off, emitter, send, done } = signals()
  expect(emitter.eventNames()).toEqual(['SIGHUP', 'SIGTERM', 'SIGINT'])
  off()
  expect(emitter.eventNames()).toEqual([])
  expect(send('SIGTERM')).toEqual([false])
  expect(done).toEqual([])
})

test('early signals start one shutdown, or one reload if none of them is a shutdown signal', () => {
  expect(signals({ kept: ['SIGHUP'] }).done).toEqual(['reload by SIGHUP'])
  const { send, done } = signals({ kept: ['SIGHUP', 'SIGTERM', 'SIGINT'] })
  expect(done).toEqual(['shutdown by SIGTERM'])
  send('SIGTERM')
  expect(done).toEqual(['shutdown by SIGTERM', 'cut short by SIGTERM'])
})
