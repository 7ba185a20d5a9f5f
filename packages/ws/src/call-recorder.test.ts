import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { CallRecorder, type RecordedCall, replay } from './call-recorder.js'
import type { WebSocketLike } from './ws-types.js'

/** A WebSocket that records calls. */
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

function start() {
  const websocket = new FakeWebSocket()
  const forwarded: RecordedCall[][] = []
  const recorder: CallRecorder = new CallRecorder(websocket, () => recorder.replayHere())
  const leave = () => recorder.forward({ send: (calls) => forwarded.push(calls as RecordedCall[]) })
  const send: Send = (...args) => websocket.send(...args)
  return { websocket, recorder, forwarded, leave, send, texts: () => forwarded.map(textsOf) }
}

const textsOf = (calls: readonly RecordedCall[]) =>
  calls.map((call) => ('data' in call ? Buffer.from(call.data).toString() : call.do))

const text = (data: string): RecordedCall => ({
  do: 'send',
  data,
  binary: false,
  fin: true,
  compress: true,
})

test('calls on a WebSocket that does not move are replayed locally, unchanged and in order', () => {
  const { websocket, recorder, send } = start()
  const done = () => {}
  send('one', { compress: false }, done)
  websocket.ping('two')
  websocket.pause()
  expect(websocket.reached).toEqual([])
  recorder.replayHere()
  send('three')
  expect(websocket.reached).toEqual([
    ['send', 'one', { compress: false }, done],
    ['ping', 'two'],
    ['pause'],
    ['send', 'three'],
  ])
})

test('calls on a WebSocket that has moved are forwarded once, in order', () => {
  const { websocket, forwarded, leave, send } = start()
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
  [undefined, true],
  [{}, true],
  [{ compress: true }, true],
  [{ compress: false }, false],
  [{ compress: undefined }, false],
])('with the options %j, a message is compressed as ws would do: %s', (options, compress) => {
  const { forwarded, leave, send } = start()
  leave()
  send('text', options)
  expect(forwarded).toEqual([[{ ...text('text'), compress }]])
})

test.each([
  ['a text', 'text', 'text', false],
  ['a number', 7, '7', false],
  ['a Buffer', Buffer.from('text'), 'text', true],
  ['an ArrayBuffer', new TextEncoder().encode('text').buffer, 'text', true],
  ['a view of part of an ArrayBuffer', new TextEncoder().encode('a text').subarray(2), 'text', true],
  ['nothing', undefined, '', true],
])('%s is forwarded as ws would send it', (_, data, wanted, binary) => {
  const { forwarded, leave, send } = start()
  leave()
  send(data)
  expect(forwarded.map(textsOf)).toEqual([[wanted]])
  expect(forwarded[0]).toMatchObject([{ do: 'send', binary, fin: true }])
})

test('the application may reuse a buffer after the callback', async () => {
  const { leave, send, texts } = start()
  leave()
  const bytes = Buffer.from('before')
  await new Promise((done) => send(bytes, done))
  bytes.write('after.')
  expect(texts()).toEqual([['before']])
})

test('fragments of a message are forwarded together', () => {
  const { websocket, leave, send, texts } = start()
  send('a', { fin: false })
  leave()
  websocket.ping('between')
  send('b', { fin: false })
  expect(texts()).toEqual([['between']])
  send('c', { fin: true })
  expect(texts()).toEqual([['between'], ['a', 'b', 'c']])
})

test('a Blob keeps its place in the order', async () => {
  const { websocket, leave, send, texts } = start()
  leave()
  send('first')
  send(new Blob(['second']))
  const last = new Promise((done) => send('third', done))
  websocket.close(4000)
  await last
  await new Promise((done) => setImmediate(done))
  expect(texts()).toEqual([['first'], ['second'], ['third'], ['close']])
})

test('a WebSocket that the application ends before the move ends locally', () => {
  const closing = start()
  closing.send('one')
  closing.websocket.close(4000, 'enough')
  expect(closing.websocket.reached).toEqual([
    ['send', 'one'],
    ['close', 4000, 'enough'],
  ])
  const cutting = start()
  cutting.websocket.terminate()
  expect(cutting.websocket.reached).toEqual([['terminate']])
})

test('closing a moved WebSocket closes it in the successor and emits close locally', async () => {
  const { websocket, forwarded, leave, send } = start()
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

test('a keep-alive timer that terminates a moved WebSocket does not end it in the successor', async () => {
  const { websocket, forwarded, leave } = start()
  leave()
  const closed = new Promise((resolve) => websocket.once('close', resolve))
  websocket.terminate()
  expect(await closed).toBe(1006)
  expect(forwarded).toEqual([])
})

test('the successor replays forwarded calls', () => {
  const websocket = new FakeWebSocket()
  const bytes = Buffer.from('bytes')
  replay(websocket, [
    { do: 'send', data: bytes, binary: true, fin: false, compress: false },
    { do: 'ping', data: 'ping' },
    { do: 'close', code: undefined, reason: undefined },
  ])
  expect(websocket.reached).toEqual([
    ['send', bytes, { binary: true, fin: false, compress: false }],
    ['ping', 'ping'],
    ['close', undefined, undefined],
  ])
})
