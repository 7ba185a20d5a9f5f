'use strict'
// The first thing that runs in a successor, or in a worker of a supervisor (node --require). It takes the handover
// out of the environment before user code can pass it on, tells whoever started the process which error ended it,
// and that it listens without core, and keeps reload signals that come before anybody listens for them. Node loads it into worker threads too, where it only
// takes itself out of `execArgv`; in any other process it does nothing.
// It is plain CommonJS: `--import` would load a CommonJS program through the ESM loader.

const variable = 'HANDOVER_INHERITANCE'
const inheritance = process.env[variable]

forgetPreload()
if (inheritance !== undefined) {
  delete process.env[variable]
  // Whether there is a channel is known now: a predecessor that is killed while we boot takes it with it.
  const early = { inheritance, hasChannel: process.channel !== undefined, signals: [], release: () => {} }
  globalThis[Symbol.for('handover.early')] = early
  tellErrors()
  if (inheritance.includes('"supervisor"')) tellOfStrangers()
  early.release = keepSignals(early.signals)
}

/** The application's own child processes must not load this file, which may be gone by then. */
function forgetPreload() {
  const at = process.execArgv.findIndex((each, i, all) => all[i - 1] === '--require' && each === __filename)
  if (at > 0) process.execArgv.splice(at - 1, 2)
}

function tellErrors() {
  process.on('uncaughtExceptionMonitor', (thrown) => {
    if (process.connected) process.send({ handover: 1, type: 'failed', error: describe(thrown) })
  })
}

/** A program that listens without core takes no part: its supervisor would wait for it in vain. */
function tellOfStrangers() {
  const { subscribe, unsubscribe } = require('node:diagnostics_channel')
  const name = 'tracing:net.server.listen:asyncStart'
  const tell = () => {
    const takesPart = globalThis[Symbol.for('@handover/core')]?.generation
    if (!takesPart && process.connected) process.send({ handover: 1, type: 'stranger' })
  }
  const onListen = () => {
    unsubscribe(name, onListen)
    setTimeout(tell, 2_000).unref()
  }
  subscribe(name, onListen)
}

/** Anything can be thrown; and the process ends at once, so all of it must fit into the channel. */
function describe(thrown) {
  const { inspect } = require('node:util')
  const text = (value) => (typeof value === 'string' ? value : inspect(value)).slice(0, 10_000)
  if (!(thrown instanceof Error)) return { name: 'Error', message: text(thrown) }
  const { name, message, stack, code } = thrown
  return {
    name: text(name),
    message: text(message),
    stack: text(stack),
    ...(code === undefined ? {} : { code: text(code) }),
  }
}

function keepSignals(kept) {
  const listeners = wantedSignals().map((signal) => {
    const listener = () => kept.push(signal)
    process.on(signal, listener)
    return () => process.off(signal, listener)
  })
  return () => {
    for (const off of listeners) off()
  }
}

function wantedSignals() {
  try {
    const { signals } = JSON.parse(inheritance)
    return Array.isArray(signals)
      ? signals.filter((each) => each in require('node:os').constants.signals)
      : []
  } catch {
    return [] // Core says what is wrong with it.
  }
}
