import dgram from 'node:dgram'
import { once } from 'node:events'
import { chmodSync, openSync, readdirSync, writeFileSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { coreUrl, launchProgram } from '../support/program.js'
import { type ServiceOptions, startService, testNode } from '../support/service.js'
import { descriptorOf, listener } from '../support/sockets.js'
import type { Fact } from '../support/story.js'
import { tempDir } from '../support/temp-dir.js'
import { whoServes } from '../support/who.js'

const { wireVersion } = await import(new URL('protocol/version.js', coreUrl).href)

/** Reports the error of `graceful` and whether the call left any trace. */
const reportsRefusal = `
  import http from 'node:http'
  import net from 'node:net'
  const { listen } = net.Server.prototype
  const observers = () => process.eventNames().join()
  const before = observers()
  const server = http.createServer()
  const untouched = server.eventNames().join()
  try {
    graceful(server, { pidFile: config.folder + '/app.pid' })
    tell('taken')
  } catch ({ name, code, message }) {
    tell('refused', {
      name,
      code,
      message,
      unchanged:
        listen === net.Server.prototype.listen && before === observers() && untouched === server.eventNames().join(),
      variables: Object.keys(process.env).filter((each) => /^(HANDOVER_INHERITANCE|LISTEN_)/.test(each)),
    })
  }
  process.exit()`

/** The error of a process that is started with these options. */
async function refusal(options: ServiceOptions): Promise<Fact> {
  const folder = tempDir()
  const service = launchProgram(reportsRefusal, { ...options, config: { folder } })
  const refused = await service.event(({ event }) => event === 'refused' || event === 'taken')
  await service.exitOf(service.pid)
  expect(refused).toMatchObject({ event: 'refused', name: 'HandoverError', unchanged: true, variables: [] })
  expect(readdirSync(folder)).toEqual([])
  return refused
}

/** The variable as a predecessor sets it. The test is the predecessor. */
const inheritance = (change: object = {}) => ({
  version: wireVersion,
  predecessor: process.pid,
  generation: 2,
  signals: [],
  listeners: [],
  ...change,
})
const entry = { fd: 3, key: 'tcp:127.0.0.1:0', tcp: { address: '127.0.0.1', port: 1 } }
const withVariable = (value: unknown): ServiceOptions => ({
  env: { HANDOVER_INHERITANCE: typeof value === 'string' ? value : JSON.stringify(value) },
})

test.each<[string, unknown, string]>([
  ['not JSON', 'not JSON', 'it is not JSON'],
  ['empty', '', 'it is not JSON'],
  ['null', null, 'it is not an object'],
  ['a list', [], 'it is not an object'],
  ['without a pid', inheritance({ predecessor: 'x' }), '"predecessor" is not a pid'],
  ['generation 0', inheritance({ generation: 0 }), '"generation" is not a positive integer'],
  ['without listeners', inheritance({ listeners: {} }), '"listeners" is not a list'],
  [
    'with standard error as a listener',
    inheritance({ listeners: [{ ...entry, fd: 2 }] }),
    '"listeners" is not a list',
  ],
  [
    'with a listener without an address',
    inheritance({ listeners: [{ ...entry, tcp: undefined }] }),
    '"listeners" is not',
  ],
  [
    'with a listener that is both TCP and Unix',
    inheritance({ listeners: [{ ...entry, unix: { path: '/x' } }] }),
    '"listeners" is not',
  ],
])(
  'a handover variable (%s) is rejected with a named error, and nothing is changed',
  async (_, value, why) => {
    const { code, message } = await refusal(withVariable(value))
    expect(code).toBe('ERR_HANDOVER_INHERITANCE_MALFORMED')
    expect(message).toContain(`HANDOVER_INHERITANCE cannot be used: ${why}`)
    expect(message).toContain('Only Handover sets it; if you set it yourself, unset it.')
  },
)

test('unknown or uncatchable signal names in the variable do not end a successor', async () => {
  const signals = ['SIGKILL', 'SIGSTOP', 'SIGNOPE', 'toString', '', 'SIGHUP']
  const preload = fileURLToPath(new URL('../handover-preload.cjs', coreUrl))
  const service = launchProgram("tell('runs', { observed: process.eventNames() })", {
    ...withVariable(inheritance({ signals })),
    execArgv: ['--require', preload],
  })
  const { observed } = await service.event('runs')
  expect(observed).toContain('SIGHUP')
  expect(observed).not.toContain('toString')
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})

test.each([99, undefined])(
  'a handover variable of version %s is rejected with an error that names both versions',
  async (version) => {
    const { code, message } = await refusal(withVariable(inheritance({ version })))
    expect(code).toBe('ERR_HANDOVER_WIRE_VERSION')
    expect(message).toContain(
      `version ${version} of the handover protocol, and this one uses version ${wireVersion}.`,
    )
  },
)

test.each([
  ['a running process', () => process.ppid],
  ['a process that has ended', () => 2 ** 22 - 1],
])('a handover variable for a child of %s is rejected with a named error', async (_, predecessor) => {
  const { code, message } = await refusal(withVariable(inheritance({ predecessor: predecessor() })))
  expect(code).toBe('ERR_HANDOVER_INHERITANCE_FOREIGN')
  expect(message).toMatch(
    new RegExp(
      `for a child of process ${predecessor()}, but this process \\(\\d+\\) is a child of ${process.pid}`,
    ),
  )
})

test('a program between two generations fails the reload, not the service', async () => {
  const wrapper = join(tempDir(), 'wrapper')
  writeFileSync(wrapper, `#!/bin/sh\n'${testNode}' "$@"\nexit $?\n`)
  chmodSync(wrapper, 0o755)
  const service = await startService('http.mjs', {
    config: { graceful: { probationMs: 20, successor: { execPath: wrapper } } },
  })
  await expect(service.reload()).rejects.toThrow(
    /HANDOVER_INHERITANCE is for a child of process \d+, .* without a program in between/,
  )
  expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
})

/** Descriptors that are not listening sockets, each with the reason in the error. */
const descriptors: readonly [string, string, () => number | Promise<number>][] = [
  ['is a file', 'it is not a socket', () => openSync('/dev/null', 'r')],
  ['is a UDP socket', 'UDP', udp],
  ['is a connection', 'it is a connection, not a listening socket', connection],
]

test.each(descriptors)(
  'C25: an inherited descriptor that %s is rejected with a named error',
  async (_, why, open) => {
    const { code, message } = await refusal({
      ...withVariable(inheritance({ listeners: [entry] })),
      fds: [await open()],
    })
    expect(code).toBe('ERR_HANDOVER_BAD_DESCRIPTOR')
    expect(message).toMatch(new RegExp(`Descriptor 3 was inherited as a listening socket, but .*${why}`))
  },
)

test.each(descriptors)(
  'C25: an activated descriptor that %s is rejected with a named error',
  async (_, why, open) => {
    const { code, message } = await refusal({ shell: activation('1'), fds: [await open()] })
    expect(code).toBe('ERR_HANDOVER_BAD_DESCRIPTOR')
    expect(message).toMatch(new RegExp(`Descriptor 3 was inherited as a listening socket, but .*${why}`))
  },
)

test('C25: a descriptor that is not open is rejected with a named error', async () => {
  const options = [
    withVariable(inheritance({ listeners: [{ ...entry, fd: 99 }] })),
    { shell: activation('97') },
  ]
  for (const each of options) {
    const { code, message } = await refusal(each)
    expect(code).toBe('ERR_HANDOVER_BAD_DESCRIPTOR')
    expect(message).toMatch(/but (EBADF|it is not a socket)/)
  }
})

test('C25: a listening socket with another address or of another kind is rejected with a named error', async () => {
  const [tcp, unix] = [await listener(), await listener({ path: join(tempDir(), 'x.sock') })]
  const { port } = tcp.address() as AddressInfo
  for (const [server, is] of [
    [tcp, `127.0.0.1:${port}`],
    [unix, 'a Unix socket'],
  ] as const) {
    const { code, message } = await refusal({
      ...withVariable(inheritance({ listeners: [entry] })),
      fds: [descriptorOf(server)],
    })
    expect(code).toBe('ERR_HANDOVER_BAD_DESCRIPTOR')
    expect(message).toContain(`Descriptor 3 was inherited as tcp:127.0.0.1:0, but it is ${is}.`)
  }
})

test.each(['x', '-1', '1.5', '100000'])('LISTEN_FDS=%s is rejected with a named error', async (count) => {
  const { code, message } = await refusal({ shell: activation(count) })
  expect(code).toBe('ERR_HANDOVER_INHERITANCE_MALFORMED')
  expect(message).toContain(`LISTEN_FDS is "${count}", not a number of sockets. Nothing was inherited.`)
})

const activation = (count: string) => `export LISTEN_PID=$$ LISTEN_FDS=${count};`

async function udp(): Promise<number> {
  const socket = dgram.createSocket('udp4')
  onTestFinished(() => void socket.close())
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  // A datagram socket stores its handle elsewhere.
  const state = Reflect.ownKeys(socket).find((key) => String(key) === 'Symbol(state symbol)') ?? ''
  return Reflect.get(socket, state).handle.fd
}

async function connection(): Promise<number> {
  const { port } = (await listener()).address() as AddressInfo
  const socket = net.connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return descriptorOf(socket)
}
