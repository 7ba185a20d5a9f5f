/** A node:cluster primary that replaces its workers one by one at SIGHUP, as Node's documentation suggests. */
import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const [port = '0', count = '1', ...execArgv] = process.argv.slice(2)
const killMs = 5_000

const exec = fileURLToPath(new URL('server.js', import.meta.url))
cluster.setupPrimary({ exec, args: ['cluster', port], execArgv })

let workers = await Promise.all(Array.from({ length: Number(count) }, start))
process.on('SIGHUP', () => void replaceAll())
console.log('ready')

async function start(): Promise<Worker> {
  const worker = cluster.fork()
  await once(worker, 'listening')
  return worker
}

async function replaceAll(): Promise<void> {
  const old = workers
  workers = []
  for (const worker of old) {
    workers.push(await start())
    const gone = once(worker, 'exit')
    worker.disconnect()
    const timer = setTimeout(() => worker.process.kill('SIGKILL'), killMs)
    await gone
    clearTimeout(timer)
  }
  console.log('ready')
}
