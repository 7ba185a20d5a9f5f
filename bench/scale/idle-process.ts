/** The process that holds idle keep-alive connections. The probes run in another process, so it does not delay them. */
import net from 'node:net'

export type IdleOrder =
  | { readonly do: 'open'; readonly port: number; readonly connections: readonly string[] }
  | { readonly do: 'ask'; readonly generation: number }

/** Absent if the order succeeded. */
export type IdleAnswer = { readonly error?: string }

/** Few enough for the accept queue. */
const atOnce = 200
const request = 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'
/** All connections read into one buffer, because each response is read at once. */
const buffer = Buffer.alloc(4096)

class IdleConnection {
  readonly #socket: net.Socket
  #onAnswer: (head: string) => void = () => {}
  #onFailed: (error: Error) => void = () => {}

  constructor(port: number, localAddress: string) {
    const callback = (bytes: number) => {
      this.#onAnswer(buffer.toString('latin1', 0, bytes))
      return true
    }
    this.#socket = net.connect({ port, host: '127.0.0.1', localAddress, onread: { buffer, callback } })
    this.#socket.on('error', (error) => this.#onFailed(error))
    this.#socket.on('close', () => this.#onFailed(new Error('an idle connection closed')))
  }

  ask(generation: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onFailed = reject
      this.#onAnswer = (head) => {
        const by = Number(/^x-generation: (\d+)\r$/im.exec(head)?.[1])
        if (by === generation) resolve()
        else reject(new Error(`generation ${by} responded instead of ${generation}`))
      }
      this.#socket.write(request)
    })
  }
}

const open: IdleConnection[] = []

async function follow(order: IdleOrder): Promise<void> {
  if (order.do === 'ask') return inBatches(open, (connection) => connection.ask(order.generation))
  await inBatches(order.connections, async (localAddress) => {
    const connection = new IdleConnection(order.port, localAddress)
    open.push(connection)
    await connection.ask(1)
  })
}

async function inBatches<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  for (let i = 0; i < items.length; i += atOnce) await Promise.all(items.slice(i, i + atOnce).map(run))
}

process.on('message', (order) => {
  follow(order as IdleOrder).then(
    () => process.send?.({}),
    (error: unknown) => process.send?.({ error: String(error) }),
  )
})
process.on('disconnect', () => process.exit())
