// Runs the Socket.IO program of docs/guides/websockets.md, which does without @handover/socket.io, with two workers, and
// the first program of docs/guides/socket-io.md.
import { io } from 'socket.io-client'
import { expect, onTestFinished, test } from 'vitest'
import { cli, startCli } from '../support/cli.js'
import { freePort } from '../support/free-port.js'
import { installation } from '../support/installation.js'
import { until } from '../support/until.js'
import { blocksOf } from './pages.js'

const recipe =
  blocksOf('docs/guides/websockets.md').find(({ code }) => code.includes('socket.io'))?.code ?? ''

test('with the program of the WebSocket guide, Socket.IO clients reconnect after a reload, and none can poll', async () => {
  const port = await freePort()
  const cwd = installation({ 'server.ts': recipe.replace('3000', String(port)) })
  const program = ['node', '--import', 'tsx', 'server.ts']
  const service = startCli(['run', '--workers', '2', '--', ...program], { cwd })
  await service.printed(/2 workers serve/)

  const errors: string[] = []
  const clients = Array.from({ length: 6 }, () => {
    const client = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], forceNew: true })
    client.on('connect_error', ({ message }) => errors.push(message))
    onTestFinished(() => void client.disconnect())
    return client
  })
  const allConnect = (earlier: readonly (string | undefined)[]) =>
    until('all clients are connected', () =>
      clients.every(({ connected, id }) => connected && !earlier.includes(id)),
    )
  await allConnect([])
  const ids = clients.map(({ id }) => id)
  expect(await cli(['reload'], { cwd })).toMatchObject({ code: 0 })
  await allConnect(ids)
  expect(errors).toEqual([])

  const polled = await fetch(`http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`)
  expect(polled.status).toBe(400)
  expect(await polled.json()).toMatchObject({ message: 'Transport unknown' })
  service.interrupt()
  await service.ended
})

test('with the program of the Socket.IO guide, a client keeps its id, room, user and timer through two reloads', async () => {
  const port = await freePort()
  const program = blocksOf('docs/guides/socket-io.md').find(({ lang }) => lang === 'js')?.code ?? ''
  const cwd = installation({ 'server.mjs': program.replace('3000', String(port)).replace('1000', '20') })
  const service = startCli(['run', '--', 'node', 'server.mjs'], { cwd })
  await service.printed(/1 worker serves/)

  const client = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], auth: { user: 'Ann' } })
  onTestFinished(() => void client.disconnect())
  const changes: string[] = []
  const said: string[][] = []
  let ticks = 0
  client.on('connect', () => changes.push('connect'))
  client.on('disconnect', (reason) => changes.push(reason))
  client.on('said', (...words) => said.push(words))
  client.on('time', () => ticks++)
  const hears = (text: string) =>
    until(`the client hears ${text}`, () => said.some((words) => words[1] === text))
  const ticksAgain = async () => {
    const before = ticks
    await until('the timer of the client runs', () => ticks > before)
  }
  for (const text of ['before', 'between', 'after']) {
    client.emit('say', text)
    await hears(text)
    await ticksAgain()
    if (text !== 'after') expect(await cli(['reload'], { cwd })).toMatchObject({ code: 0 })
  }
  expect(said).toEqual([
    ['Ann', 'before'],
    ['Ann', 'between'],
    ['Ann', 'after'],
  ])
  expect(changes).toEqual(['connect'])
  service.interrupt()
  await service.ended
})
