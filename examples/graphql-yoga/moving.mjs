// How a graphql-ws session leaves the predecessor and continues in the successor.
import { setTimeout as pause } from 'node:timers/promises'

/** Stops the subscriptions, and returns where they stand, after the responses to queries and mutations. */
export async function leave(session) {
  session.isLeaving = true
  while (session.pending.size > 0) await pause(5)
  const { isOpen, params, subscriptions } = session
  const state = { isOpen, params, subscriptions: new Map(subscriptions) }
  session.close(1012, 'moved')
  return state
}

/** Repeats the client's messages: it opens the connection, and subscribes after the last events. */
export async function resume(session, { isOpen, params, subscriptions }) {
  if (!isOpen) return
  session.isOpen = true
  await session.receive(JSON.stringify({ type: 'connection_init', payload: params }))
  for (const [id, payload] of subscriptions) {
    session.receive(JSON.stringify({ type: 'subscribe', id, payload }))
  }
}
