import type { TcpTarget } from '@handover/load'
import { chromium, type Page } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import { pathOf } from '../support/programs.js'
import { finalReports } from '../support/reports.js'
import { startService } from '../support/service.js'
import { clientPortsOf } from '../support/sockets.js'
import { until } from '../support/until.js'
import { withoutContext } from '../support/websockets.js'

/** The results that the page in `test/fixtures/page.mjs` collects. */
interface Seen {
  /** The generations that answered fetch requests. */
  readonly fetched: readonly number[]
  readonly events: readonly { readonly id: number; readonly generation: number }[]
  /** The answers on its WebSocket: the number that it sent, and how many messages the server has received. */
  readonly messages: readonly { readonly id: number; readonly count: number; readonly generation: number }[]
  /** How often its event stream and its WebSocket opened. */
  readonly opened: number
  /** The parameters of the compression, as agreed with the server. */
  readonly extensions: string
  readonly failures: readonly string[]
}

/** The results that the page in `test/fixtures/socket-io-page.mjs` collects. */
interface SeenBySocketIo {
  readonly ids: readonly string[]
  readonly transport: string
  /** How many events the page has sent. */
  readonly said: number
  /** The acknowledgements: the number that the page sent, and how many the server has received. */
  readonly answers: readonly { readonly id: number; readonly count: number; readonly generation: number }[]
  readonly messages: readonly { readonly number: number; readonly generation: number }[]
  readonly failures: readonly string[]
}

/** Options that prevent requests to other hosts. */
const quietly = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-gpu',
  '--disable-quic',
  '--disable-sync',
  '--no-first-run',
]

async function openPage(url: string): Promise<Page> {
  const browser = await chromium.launch({
    executablePath: pathOf('chromium'),
    chromiumSandbox: false,
    args: quietly,
  })
  onTestFinished(() => browser.close())
  const page = await browser.newPage()
  await page.goto(url)
  return page
}

const seenBy = (page: Page) => page.evaluate<Seen>('window.seen')
const seenBySocketIo = (page: Page) => page.evaluate<SeenBySocketIo>('window.seen')

test.each([
  ['WebSocket', {}, ''],
  [
    'compressed WebSocket',
    { perMessageDeflate: { ...withoutContext, threshold: 0 } },
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  ],
])(
  'C37, C43: fetch, EventSource and %s of a browser page continue through three reloads without an error or a new connection',
  async (_, ws, agreed) => {
    const service = await startService('page.mjs', {
      config: { graceful: { probationMs: 50 }, server: { keepAliveTimeout: 600_000 }, ws },
    })
    const { port } = service.target as TcpTarget
    const page = await openPage(`http://127.0.0.1:${port}/`)
    const isServedBy = (generation: number) => async () => {
      const { fetched, events, messages } = await seenBy(page)
      return [fetched.at(-1), events.at(-1)?.generation, messages.at(-1)?.generation].every(
        (each) => each === generation,
      )
    }
    await until('generation 1 serves the page', isServedBy(1))
    const connections = clientPortsOf(port)
    for (let generation = 2; generation <= 4; generation++) {
      await service.reload()
      await until(`generation ${generation} serves the page`, isServedBy(generation))
    }

    const { failures, opened, extensions, events, messages } = await seenBy(page)
    expect(failures).toEqual([])
    expect(opened).toBe(2)
    expect(extensions).toBe(agreed)
    expect(events.map(({ id }) => id)).toEqual(events.map((_, i) => i + 1))
    expect(messages.map(({ id, count }) => [id, count])).toEqual(messages.map((_, i) => [i + 1, i + 1]))
    expect(clientPortsOf(port).filter((each) => !connections.includes(each))).toEqual([])
    for (const { drain } of await finalReports(service, 3)) {
      expect(drain).toMatchObject({ lost: 0, cut: [] })
      expect(drain.kinds.upgraded.moved).toBe(1)
    }
  },
)

test.each([[['websocket']], [['polling', 'websocket']]])(
  'a Socket.IO client with %j in a browser page keeps its connection through three reloads and loses no message',
  async (transports) => {
    const service = await startService('socket-io-page.mjs', {
      config: { graceful: { probationMs: 50 }, transports },
    })
    const { port } = service.target as TcpTarget
    const page = await openPage(`http://127.0.0.1:${port}/`)
    const isServedBy = (generation: number) => async () => {
      const { answers, messages, transport } = await seenBySocketIo(page)
      const generations = [answers.at(-1)?.generation, messages.at(-1)?.generation]
      return transport === 'websocket' && generations.every((each) => each === generation)
    }
    await until('generation 1 serves the page', isServedBy(1))
    for (let generation = 2; generation <= 4; generation++) {
      await service.reload()
      await until(`generation ${generation} serves the page`, isServedBy(generation))
    }
    await page.evaluate('clearInterval(window.timer)')
    await until('the server has acknowledged all events', async () => {
      const { answers, said } = await seenBySocketIo(page)
      return answers.length === said
    })

    const reports = await finalReports(service, 3)
    const { ids, answers, messages, failures } = await seenBySocketIo(page)
    expect(failures).toEqual([])
    expect(ids).toHaveLength(1)
    expect(messages.map(({ number }) => number)).toEqual(messages.map((_, i) => i + 1))
    const inOrder = answers.toSorted((one, other) => one.id - other.id)
    expect(inOrder.map(({ id, count }) => [id, count])).toEqual(inOrder.map((_, i) => [i + 1, i + 1]))
    for (const { drain } of reports) {
      expect(drain).toMatchObject({ lost: 0, cut: [] })
      expect(drain.kinds.upgraded.moved).toBe(1)
    }
  },
)
