import { join } from 'node:path'
import { RawConnection } from '@handover/load'
import { expect, test } from 'vitest'
import { gate, get, givenBy, stateOf } from '../support/http.js'
import { coreUrl, startProgram } from '../support/program.js'
import { targetOf } from '../support/service.js'
import { listenersOf } from '../support/sockets.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

const routesUrl = new URL('../fixtures/routes.mjs', import.meta.url).href

/** The program of a worker thread or a cluster worker: a server that tries to reload and shuts down on request. */
const served = `
  const { default: http } = await import('node:http')
  const { graceful } = await import('${coreUrl}')
  const { handler } = await import('${routesUrl}')
  const server = http.createServer(handler(() => handle))
  const handle = graceful(server, config.graceful)
  tellOf(handle)
  server.listen(0, '127.0.0.1', async () => {
    await handle.ready()
    await handle.reload().catch(({ name, code, message }) => tell('refused', { name, code, message }))
    tell('listening', { addresses: [server.address()] })
  })`

const inThread = `
  import { isMainThread, parentPort, Worker } from 'node:worker_threads'
  if (isMainThread) {
    const worker = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) })
    worker.on('exit', (code) => tell('worker-exit', { code }))
    process.on('SIGUSR2', () => worker.postMessage('leave'))
    // Only the main thread gets signals.
    process.on('SIGTERM', () => tell('the main thread got SIGTERM'))
    setInterval(() => {}, 60_000).unref()
  } else {
    ${served}
    parentPort.once('message', () => void handle.shutdown())
  }`

const inCluster = `
  import cluster from 'node:cluster'
  if (cluster.isPrimary) {
    const worker = cluster.fork()
    worker.on('exit', (code) => tell('worker-exit', { code }))
    process.on('SIGUSR2', () => worker.process.kill('SIGTERM'))
  } else {
    ${served}
  }`

test.each([
  [
    'a worker thread',
    inThread,
    'A reload is not possible here: this is a worker thread. The graceful shutdown works.',
  ],
  [
    'a cluster worker',
    inCluster,
    'A reload is not possible here: this is a cluster worker, whose sockets belong to its primary. The graceful shutdown works.',
  ],
])(
  'C33: in %s a reload is rejected with a named error, and a shutdown finishes open requests',
  async (_, text, message) => {
    const control = join(tempDir(), 'control.sock')
    const config = { graceful: { lingerMs: 0, control } }
    const service = await startProgram(text, { config, leftOvers: 'allowed' })
    await service.line(/not serving the control socket .*: this is a/)
    expect(await service.event('refused')).toMatchObject({
      name: 'HandoverError',
      code: 'ERR_HANDOVER_UNSUPPORTED',
      message,
    })
    const { addresses = [] } = await service.event('listening')
    const target = targetOf(addresses[0])
    const { path, open } = gate()
    const client = await RawConnection.connect(target)
    await client.write(get(path))
    await until('the request is in flight', async () => (await stateOf(target)).connections.inFlight === 2)
    service.signal('SIGUSR2', service.pid)
    // From now on every response announces the close. The listener of a cluster worker belongs to its primary.
    await until('the process has no listener', () => listenersOf(service.pid).length === 0)
    open()
    const response = await client.response()
    expect({ status: response.status, keepAlive: response.keepAlive }).toEqual({
      status: 200,
      keepAlive: false,
    })
    expect(givenBy(response).generation).toBe(1)
    expect(await service.event('worker-exit')).toMatchObject({ code: 0 })
    await service.exitOf(service.pid)
  },
)

test('C33: a thread that uses graceful() leaves the signals of the process alone', async () => {
  const service = await startProgram(inThread, { config: {}, leftOvers: 'allowed' })
  service.signal('SIGTERM', service.pid)
  await service.event('the main thread got SIGTERM')
  service.signal('SIGUSR2', service.pid)
  await service.exitOf(service.pid)
})
