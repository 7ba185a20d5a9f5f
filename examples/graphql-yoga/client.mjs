// Subscribes to the ticks until Ctrl-C or SIGTERM, and prints every tick.
import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'

const url = `ws://127.0.0.1:${process.env.PORT ?? 3000}/graphql`
const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: Number.POSITIVE_INFINITY })
client.on('connected', () => console.log('connected'))
process.on('SIGINT', () => client.dispose()).on('SIGTERM', () => client.dispose())

const query = 'subscription ($after: Int!) { ticks(after: $after) { id, generation } }'
// After a reconnect, graphql-ws sends the variables again: they must say which tick the client has.
const variables = { after: 0 }
for await (const { data } of client.iterate({ query, variables })) {
  variables.after = data.ticks.id
  console.log(`tick ${data.ticks.id} from generation ${data.ticks.generation}`)
}
