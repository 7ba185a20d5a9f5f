// What a client of graphql-ws has subscribed to and received: the state of its WebSocket.

/** The request of a subscription that continues after this event. */
const after = (params, { data }) => ({ ...params, variables: { ...params.variables, after: data.ticks.id } })

export class Session {
  isOpen = false
  isLeaving = false
  subscriptions = new Map()
  /** The ids of queries and mutations, and 'connection' while it opens. The session moves after them. */
  pending = new Set()

  constructor(socket, request) {
    Object.assign(this, { socket, request })
  }

  executed(id, params, result) {
    if (!(Symbol.asyncIterator in result)) return
    this.pending.delete(id)
    this.subscriptions.set(id, params)
  }

  finished(id) {
    this.pending.delete(id)
    this.subscriptions.delete(id)
  }

  send(text) {
    const { id, type, payload } = JSON.parse(text)
    if (type === 'connection_ack') {
      this.pending.delete('connection')
      if (this.isOpen) return // The predecessor has sent it.
      this.isOpen = true
    } else if (this.isLeaving && id !== undefined && !this.pending.has(id)) return // The successor sends it.
    const params = this.subscriptions.get(id)
    if (type === 'next' && params && payload.data) this.subscriptions.set(id, after(params, payload))
    if (type === 'complete' || type === 'error') this.finished(id)
    this.socket.send(text)
  }
}
