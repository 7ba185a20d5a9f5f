import { serialize } from 'node:v8'
import { expect, test } from 'vitest'
import { type Logger, silent } from '../base/logger.js'
import type { PeerMessage } from '../protocol/generation-messages.js'
import { type MeetPeer, type PeerLine, Peers } from './peers.js'

/** Two processes whose lines are connected. */
function start(logger: Logger = silent) {
  const [older, newer] = [new Peers(logger), new Peers(logger)]
  const lines: { older: PeerLine; newer: PeerLine } = {
    older: older.meetSuccessor((message) => queueMicrotask(() => lines.newer.receive(message))),
    newer: newer.meetPredecessor((message) => queueMicrotask(() => lines.older.receive(message))),
  }
  return { older, newer, lines }
}

/** Records what a protocol sees. `greet` is sent at once. */
function recorder(seen: unknown[], greet?: unknown): MeetPeer {
  return (peer) => {
    seen.push(['met', peer.role])
    if (greet !== undefined) peer.send(greet)
    return {
      receive: (data) => {
        seen.push(data)
        if (data === 'hello') peer.send('welcome')
      },
      closed: () => seen.push('closed'),
    }
  }
}

test('a protocol of the successor and one of the predecessor exchange data', async () => {
  const { older, newer, lines } = start()
  const seen = { older: [] as unknown[], newer: [] as unknown[] }
  older.register('x', recorder(seen.older))
  newer.register('x', recorder(seen.newer, 'hello'))
  await new Promise((done) => setImmediate(done))
  lines.older.close()
  lines.newer.close()
  expect(seen).toEqual({
    older: [['met', 'successor'], 'hello', 'closed'],
    newer: [['met', 'predecessor'], 'welcome', 'closed'],
  })
})

test('a predecessor without the protocol ignores its data', async () => {
  const { newer } = start()
  const seen: unknown[] = []
  newer.register('x', recorder(seen, 'hello'))
  await new Promise((done) => setImmediate(done))
  expect(seen).toEqual([['met', 'predecessor']])
})

test('data that cannot be cloned throws in the sender', () => {
  const { older, newer } = start()
  older.register('x', recorder([]))
  expect(() =>
    newer.register(
      'x',
      recorder([], () => {}),
    ),
  ).toThrow('could not be cloned')
})

test('an error of a listener is logged', () => {
  const errors: string[] = []
  const { older, lines } = start({ ...silent, error: (_, message) => errors.push(message) })
  older.register('x', () => ({
    receive: () => {
      throw new Error('unknown field')
    },
    closed: () => {},
  }))
  lines.older.receive({ type: 'peer-data', protocol: 'x', data: serialize('data') })
  lines.older.receive({ type: 'peer-data', protocol: 'x', data: new Uint8Array([1]) })
  expect(errors).toEqual([
    'ignoring data from the successor (x): Error: unknown field',
    expect.stringContaining('ignoring data from the successor (x): Error: Unable to deserialize'),
  ])
})

test('after its peer has ended a protocol sends nothing', () => {
  const sent: PeerMessage[] = []
  const peers = new Peers(silent)
  let send: ((data: unknown) => void) | undefined
  peers.register('x', (peer) => {
    send = peer.send
    return { receive: () => {}, closed: () => {} }
  })
  const line = peers.meetPredecessor((message) => sent.push(message))
  send?.(1)
  line.close()
  send?.(2)
  line.receive({ type: 'peer-data', protocol: 'x', data: new Uint8Array() })
  expect(sent).toHaveLength(1)
})
