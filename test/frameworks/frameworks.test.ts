// Frameworks at their current versions: the programs in `examples`.
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { read, root } from '../docs/pages.js'
import { frameworks, gateway, rows } from './frameworks.js'
import { nextMessage, urlOf } from './messages.js'
import { reloadTwice, start, stop } from './reloads.js'

const page = 'docs/reference/compatibility.md'
const table = /(\| framework .*\n\|---.*\n)(?:\|.*\n)*/

describe.each(frameworks.map((each) => [each.name, each] as const))('%s', (_, framework) => {
  test('two reloads under load fail no request and move every idle connection, and SIGTERM exits with 0', () =>
    reloadTwice(framework))
})

test('the messages of moved WebSockets reach the gateway of NestJS, with the state', async () => {
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
  const all = (messages: number, pid: number) => Array(5).fill({ event: 'count', data: { messages, pid } })

  expect(await count()).toEqual(all(1, service.pid))
  for (const messages of [2, 3]) {
    const { from, to } = await service.reload()
    await service.exitOf(from.pid)
    expect(await count()).toEqual(all(messages, to.pid))
  }
  expect(sockets.map(({ readyState }) => readyState)).toEqual(Array(5).fill(WebSocket.OPEN))
  for (const socket of sockets) socket.close()
  await stop(service)
})

test('docs/reference/compatibility.md names the tested versions', async () => {
  const tested = read(page).replace(table, (_, head: string) => head + rows())
  const update = 'the page is out of date: run "npx vitest run test/frameworks -t names --update"'
  await expect(tested, update).toMatchFileSnapshot(join(root, page))
})
