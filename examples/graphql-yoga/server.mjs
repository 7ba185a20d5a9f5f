// Queries over HTTP and subscriptions over WebSockets, both on /graphql.
import http from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { graceful } from '@handover/core'
import { createSchema, createYoga } from 'graphql-yoga'
import { serveSubscriptions } from './subscriptions.mjs'

const typeDefs = `
  type Query { who: Process!, slow(ms: Int! = 2000): Process! }
  type Process { generation: Int!, pid: Int! }
  type Subscription { ticks(after: Int! = 0): Tick! }
  type Tick { id: Int!, generation: Int! }`

/** Every tick has an id, so a subscription can continue in any process: the client gets the ticks after `after`. */
async function* ticks(_root, { after }) {
  for (let id = after + 1; ; id++) {
    await pause(Number(process.env.INTERVAL_MS ?? 1000))
    yield { ticks: { id, generation: handle.generation } }
  }
}
const who = () => ({ generation: handle.generation, pid: process.pid })
const slow = (_root, { ms }) => pause(ms).then(who)
const resolvers = { Query: { who, slow }, Subscription: { ticks: { subscribe: ticks } } }

const yoga = createYoga({ schema: createSchema({ typeDefs, resolvers }), logging: false })
const server = http.createServer(yoga)
const handle = graceful(server)
serveSubscriptions(server, yoga)

server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`pid ${process.pid} listens on http://localhost:${server.address().port}`)
})
