import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { CallRecorder, carryOut, type Order } from './call-recorder.js'
import type { WebSocketLike } from './ws-types.js'

/** Notes what reaches it. */
class FakeWebSocket extends EventEmitter implements WebSocketLike {
  readonly readyState: number = 1
  readonly extensions = ''
  readonly protocol = ''
  readonly isPaused = false
  readonly reached: unknown[][] = []

  send(...args: unknown[]): void {
    this.reached.push(['send', ...args])
  }
  ping(...args: unknown[]): void {
    this.reached.push(['ping', ...args])
  }
  pong(...args: unknown[]): void {
    this.reached.push(['pong', ...args])
  }
  close(...args: unknown[]): void {
    this.reached.push(['close', ...args])
  }
  terminate(): void {
    this.reached.push(['terminate'])
  }
  pause(): void {
    this.reached.push(['pause'])
  }
}

type Send = (data: unknown, ...more: unknown[]) => void

function leaving() {
  const websocket = new FakeWebSocket()
  const forwarded: Order[][] = []
  const recorder: CallRecorder = new CallRecorder(websocket, () => recorder.stay())
  const leave = () => recorder.leave({ send: (orders) => forwarded.push(orders as Order[]) })
  const send: Send = (...args) => websocket.send(...args)
  return { websocket, recorder, forwarded, leave, send, texts: () => forwarded.map(textsOf) }
}

const textsOf = (orders: readonly Order[]) =>
  orders.map((order) => ('data' in order ? Buffer.from(order.data).toString() : order.do))

const text = (data: string): Order => ({ do: 'send', data, binary: false, fin: true })

test('if it stays, everything is done here, as it was asked for and in order', () => {
  const { websocket, recorder, send } = leaving()
  const done = () => {}
  send('one', { compress: false }, done)
  websocket.ping('two')
  websocket.pause()
  expect(websocket.reached).toEqual([])
  recorder.stay()
  send('three')
  expect(websocket.reached).toEqual([
    ['send', 'one', { compress: false }, done],
    ['ping', 'two'],
    ['pause'],
    ['send', 'three'],
  ])
})

test('if it has gone, everything is done there, in order, once', () => {
  const { websocket, forwarded, leave, send } = leaving()
  send('one')
  websocket.ping()
  leave()
  send('two')
  websocket.pong('three')
  websocket.pause()
  expect(forwarded).toEqual([
    [text('one')],
    [{ do: 'ping', data: Buffer.alloc(0) }],
    [text('two')],
    [{ do: 'pong', data: 'three' }],
  ])
  expect(websocket.reached).toEqual([])
})

test.each([
  ['a text', 'text', 'text', false],
  ['a number', 7, '7', false],
  ['a Buffer', Buffer.from('text'), 'text', true],
  ['an ArrayBuffer', new TextEncoder().encode('text').buffer, 'text', true],
  ['a view of a part of one', new TextEncoder().encode('a text').subarray(2), 'text', true],
  ['nothing', undefined, '', true],
])('%s goes as ws would send it', (_, data, wanted, binary) => {
  const { forwarded, leave, send } = leaving()
  leave()
  send(data)
  expect(forwarded.map(textsOf)).toEqual([[wanted]])
  expect(forwarded[0]).toMatchObject([{ do: 'send', binary, fin: true }])
})

test('a buffer may be used again when the callback was called', async () => {
  const { leave, send, texts } = leaving()
  leave()
  const bytes = Buffer.from('before')
  await new Promise((done) => send(bytes, done))
  bytes.write('after.')
  expect(texts()).toEqual([['before']])
})

test('the fragments of a message go together', () => {
  const { websocket, leave, send, texts } = leaving()
  send('a', { fin: false })
  leave()
  websocket.ping('between')
  send('b', { fin: false })
  expect(texts()).toEqual([['between']])
  send('c', { fin: true })
  expect(texts()).toEqual([['between'], ['a', 'b', 'c']])
})

test('what takes time to read keeps its place', async () => {
  const { websocket, leave, send, texts } = leaving()
  leave()
  send('first')
  send(new Blob(['second']))
  const last = new Promise((done) => send('third', done))
  websocket.close(4000)
  await last
  await new Promise((done) => setImmediate(done))
  expect(texts()).toEqual([['first'], ['second'], ['third'], ['close']])
})

test('an application that ends it before it has gone ends it here', () => {
  const closing = leaving()
  closing.send('one')
  closing.websocket.close(4000, 'enough')
  expect(closing.websocket.reached).toEqual([
    ['send', 'one'],
    ['close', 4000, 'enough'],
  ])
  const cutting = leaving()
  cutting.websocket.terminate()
  expect(cutting.websocket.reached).toEqual([['terminate']])
})

test('an application that closes it when it has gone closes it there, and it is closed here', async () => {
  const { websocket, forwarded, leave, send } = leaving()
  leave()
  const closed = new Promise((resolve) => websocket.once('close', (...args) => resolve(args)))
  websocket.close(4000, 'enough')
  websocket.close(4001)
  expect(websocket.readyState).toBe(3)
  expect(await closed).toEqual([4000, Buffer.from('enough')])
  const failed = await new Promise((done) => send('more', done))
  expect(failed).toBeInstanceOf(Error)
  expect(forwarded).toEqual([[{ do: 'close', code: 4000, reason: 'enough' }]])
})

test('a timer that took silence for death does not end it where it has gone', async () => {
  const { websocket, forwarded, leave } = leaving()
  leave()
  const closed = new Promise((resolve) => websocket.once('close', resolve))
  websocket.terminate()
  expect(await closed).toBe(1006)
  expect(forwarded).toEqual([])
})

test('the successor does what it is told', () => {
  const websocket = new FakeWebSocket()
  const bytes = Buffer.from('bytes')
  carryOut(websocket, [
    { do: 'send', data: bytes, binary: true, fin: false },
    { do: 'ping', data: 'ping' },
    { do: 'close', code: undefined, reason: undefined },
  ])
  expect(websocket.reached).toEqual([
    ['send', bytes, { binary: true, fin: false }],
    ['ping', 'ping'],
    ['close', undefined, undefined],
  ])
})
