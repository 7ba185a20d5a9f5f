// Describes the counts of the WebSockets and event streams.
import { count } from './format.js'
import type { LiveCounts, LiveResult } from './live-clients.js'

/** "1,234 messages, 0 lost": doubled and swapped messages appear only if there are any. */
export function messagesOf(
  { received, lost, doubled, outOfOrder }: LiveCounts,
  what: 'message' | 'event',
): string {
  const faults = [
    `${count(lost)} lost`,
    ...(doubled > 0 ? [`${count(doubled)} doubled`] : []),
    ...(outOfOrder > 0 ? [`${count(outOfOrder)} out of order`] : []),
  ]
  return [`${count(received)} ${received === 1 ? what : `${what}s`}`, ...faults].join(', ')
}

/** "WebSockets: 50 open, 0 closed, 1,234 messages, 0 lost", and the same for event streams. */
export function liveLines({ webSockets, eventStreams }: LiveResult): string[] {
  return [
    `WebSockets: ${connectionsOf(webSockets)}, ${messagesOf(webSockets, 'message')}`,
    `event streams: ${connectionsOf(eventStreams)}, ${messagesOf(eventStreams, 'event')}`,
  ]
}

/** Whether no connection has closed and every message so far has arrived once and in order. */
export const isFaultless = ({ closed, lost, doubled, outOfOrder }: LiveCounts): boolean =>
  closed + lost + doubled + outOfOrder === 0

const connectionsOf = ({ open, closed }: LiveCounts) => `${count(open)} open, ${count(closed)} closed`
