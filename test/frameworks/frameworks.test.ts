// Frameworks at their current versions, each with a small program in `programs`.
import { join } from 'node:path'
import { keepAlive, newConnections } from '@handover/load'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { read, root } from '../docs/pages.js'
import { readExampleLine } from '../support/examples.js'
import { isReady } from '../support/generations.js'
import { connect } from '../support/http.js'
import { underLoad } from '../support/load.js'
import { askOn } from '../support/resting.js'
import { launchService, type Service } from '../support/service.js'
import { type Framework, frameworks, installedFile, rows } from './frameworks.js'
import { nextMessage, urlOf } from './messages.js'

const page = 'docs/reference/compatibility.md'
const table = /(\| framework .*\n\|---.*\n)(?:\|.*\n)*/

async function start({ program, execArgv = [], command }: Framework): Promise<Service> {
  const file = new URL(`programs/${program}`, import.meta.url).pathname
  const [cli, ...args] = command ?? []
  const service = launchService(cli ? installedFile(cli) : file, {
    execArgv,
    args: cli ? [...args, file] : [],
    cwd: new URL('programs', import.meta.url).pathname,
    env: { PORT: '0', HANDOVER_OPTIONS: JSON.stringify({ probationMs: 50 }) },
    readLine: readExampleLine,
  })
  await Promise.all([service.event('listening'), service.event(isReady)])
  return service
}

/** Stops the serving generation and expects exit code 0. */
async function stop(service: Service): Promise<void> {
  const { pid } = service.serving
  service.signal('SIGTERM', pid)
  await service.exitOf(pid)
  await service.line(new RegExp(`^pid ${pid} exits with code 0$`))
}

describe.each(frameworks.map((each) => [each.name, each] as const))('%s', (_, framework) => {
  test('two reloads under load fail no request and move every idle connection, and SIGTERM exits with 0', async () => {
    const { path = '/', answer } = framework
    const service = await start(framework)
    const idle = await Promise.all(Array.from({ length: 10 }, () => connect(service.target)))
    const generations = () => Promise.all(idle.map((connection) => askOn(connection, path)))
    expect(await generations()).toEqual(Array(10).fill(1))

    const request = { path, ...(answer && { answer }) }
    const workloads = [
      newConnections({ clients: 1, ...request }),
      keepAlive({ clients: 4, think: { minMs: 0, maxMs: 20 }, ...request }),
    ]
    const { failures, servedBy } = await underLoad(
      service.target,
      async () => {
        for (const _reload of [1, 2]) {
          const { from } = await service.reload()
          await service.exitOf(from.pid)
        }
        expect(await generations()).toEqual(Array(10).fill(3))
      },
      workloads,
    )
    expect(failures).toEqual([])
    expect([...servedBy.keys()]).toEqual(expect.arrayContaining([1, 3]))
    await stop(service)
  })
})

test('the messages of moved WebSockets reach the gateway of NestJS, with the state', async () => {
  const gateway = frameworks.find(({ program }) => program === 'nest-gateway.mjs') as Framework
  const service = await start(gateway)
  const sockets = Array.from({ length: 5 }, () => new WebSocket(urlOf(service.target)))
  await Promise.all(sockets.map((socket) => new Promise((open) => socket.once('open', open))))
  const count = () =>
    Promise.all(
      sockets.map((socket) => {
        socket.send(JSON.stringify({ event: 'count' }))
        return nextMessage(socket)
      }),
    )
  const all = (messages: number, generation: number) =>
    Array(5).fill({ event: 'count', data: { messages, generation } })

  expect(await count()).toEqual(all(1, 1))
  await service.reload()
  expect(await count()).toEqual(all(2, 2))
  await service.reload()
  expect(await count()).toEqual(all(3, 3))
  expect(sockets.map(({ readyState }) => readyState)).toEqual(Array(5).fill(WebSocket.OPEN))
  for (const socket of sockets) socket.close()
  await stop(service)
})

test('docs/reference/compatibility.md names the tested versions', async () => {
  const tested = read(page).replace(table, (_, head: string) => head + rows())
  const update = 'the page is out of date: run "npx vitest run test/frameworks -t names --update"'
  await expect(tested, update).toMatchFileSnapshot(join(root, page))
})
