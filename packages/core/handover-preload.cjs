'use strict'
// The first code that runs in a successor, or in a worker of a supervisor (node --require):
// - removes the variable of the handover from the environment
// - opens the channel to the process that started this one
// - reports the error that ends this process, and a program that listens without core
// - keeps reload signals until core listens for them
// Node also loads it into worker threads, where it only removes itself from `execArgv`. Elsewhere it does nothing.
// It is CommonJS, because `--import` would load a CommonJS program through the ESM loader.

const variable = 'HANDOVER_INHERITANCE'
const inheritance = process.env[variable]

forgetPreload()
if (inheritance !== undefined) {
  delete process.env[variable]
  delete process.env.NODE_CHANNEL_FD
  delete process.env.NODE_CHANNEL_SERIALIZATION_MODE
  // Opens the channel now: a predecessor that is killed while this process boots closes its end.
  const given = parsed()
  const channel = process.channel ? process : openChannel(given.channel)
  const early = { inheritance, channel, signals: [], release: () => {} }
  globalThis[Symbol.for('handover.early')] = early
  if (Number.isInteger(given.umask)) process.umask(given.umask & 0o777)
  if (given.ipc === true) imitateLostChannel()
  reportErrors(channel)
  if (given.supervisor) reportNonParticipation(channel)
  early.release = keepSignals(early.signals, given.signals)
}

/** Core reports an invalid value. */
function parsed() {
  try {
    return JSON.parse(inheritance) ?? {}
  } catch {
    return {}
  }
}

/**
 * Opens the channel to the process that started this one, hidden from the program: `process.send`, `'message'` and
 * `'disconnect'` behave as in the first generation. Returns `undefined` if there is no channel.
 *
 * Node sets up a channel only for a child process that it spawns. So a fake handle opens the descriptor instead of
 * starting a process (Node 20 to 26: test/handover/private-channel.test.ts).
 */
function openChannel(fd) {
  if (!Number.isInteger(fd)) return undefined
  const { ChildProcess } = require('node:child_process')
  const channel = new ChildProcess()
  channel._handle = {
    pid: process.ppid,
    // `spawn` gets one object before Node 24, and positional arguments from then on.
    spawn: (...given) => {
      const stdio = given[0].stdio ?? given.find(hasChannel)
      return stdio.find(({ ipc }) => ipc).handle.open(fd)
    },
    kill: () => 0,
    close() {},
    ref() {},
    unref() {},
  }
  const stdio = ['ignore', 'ignore', 'ignore', 'ipc']
  try {
    channel.spawn({ file: 'channel', args: [], envPairs: [], stdio, serialization: 'advanced' })
    // The channel alone must not keep the process running.
    channel.channel?.unref()
    return channel.connected ? channel : undefined
  } catch (error) {
    // The descriptor is not a channel.
    if (error.syscall !== undefined) return undefined
    throw error
  }
}

function hasChannel(value) {
  return Array.isArray(value) && value.some((each) => each?.ipc)
}

/** The first generation had a channel to its process manager. A successor has none: it looks disconnected. */
function imitateLostChannel() {
  process.connected = false
  process.disconnect = () => {}
  process.send = (...given) => {
    const error = Object.assign(new Error('Channel closed'), { code: 'ERR_IPC_CHANNEL_CLOSED' })
    const done = given.find((each) => typeof each === 'function')
    if (done) process.nextTick(done, error)
    return false
  }
}

/** Child processes of the application must not load this file, which a later deployment may remove. */
function forgetPreload() {
  const at = process.execArgv.findIndex((each, i, all) => all[i - 1] === '--require' && each === __filename)
  if (at > 0) process.execArgv.splice(at - 1, 2)
}

function reportErrors(channel) {
  process.on('uncaughtExceptionMonitor', (thrown) => {
    if (channel?.connected) channel.send({ handover: 1, type: 'failed', error: describe(thrown) })
  })
}

/** Reports to the supervisor that the program listens without core. */
function reportNonParticipation(channel) {
  const { subscribe, unsubscribe } = require('node:diagnostics_channel')
  const name = 'tracing:net.server.listen:asyncStart'
  const report = () => {
    const participates = globalThis[Symbol.for('@handover/core')]?.generation
    if (!participates && channel?.connected) channel.send({ handover: 1, type: 'not-participating' })
  }
  const onListen = () => {
    unsubscribe(name, onListen)
    setTimeout(report, 2_000).unref()
  }
  subscribe(name, onListen)
}

/** A program can throw any value. The process ends at once, so the message must fit into the channel's buffer. */
function describe(thrown) {
  const { inspect } = require('node:util')
  const text = (value) => (typeof value === 'string' ? value : inspect(value)).slice(0, 10_000)
  if (!(thrown instanceof Error)) return { name: 'Error', message: text(thrown) }
  const { name, message, code } = thrown
  const place = placeOf(thrown)
  return {
    name: text(name),
    message: place ? `${text(message)} (${place})` : text(message),
    stack: text(thrown.stack),
    ...(code === undefined ? {} : { code: text(code) }),
  }
}

/** The file and line of a syntax error; `undefined` if Node does not know them. */
function placeOf(error) {
  if (error.name !== 'SyntaxError') return undefined
  if (/^.*\n +at .*\(node:internal\/modules\/esm\//.test(error.stack)) addPlace(error)
  const [, file, line] = /^(\/.+|file:.+):(\d+)\n/.exec(error.stack) ?? []
  return file && `${pathOf(file)}:${line}`
}

/**
 * The stack of a syntax error in an ES module has no file. When a script of `node:vm` throws the error, Node puts the lines
 * in front that it prints for an uncaught error (Node 20 to 26: test/interop/syntax-error.test.ts).
 */
function addPlace(error) {
  try {
    require('node:vm').runInNewContext('throw error', { error })
  } catch {}
}

function pathOf(file) {
  try {
    return file.startsWith('file:') ? require('node:url').fileURLToPath(file) : file
  } catch {
    return file
  }
}

function keepSignals(kept, names) {
  const known = require('node:os').constants.signals
  const canBeCaught = (each) => Object.hasOwn(known, each) && each !== 'SIGKILL' && each !== 'SIGSTOP'
  const signals = Array.isArray(names) ? names.filter(canBeCaught) : []
  const listeners = signals.map((signal) => {
    const listener = () => kept.push(signal)
    process.on(signal, listener)
    return () => process.off(signal, listener)
  })
  return () => {
    for (const off of listeners) off()
  }
}
