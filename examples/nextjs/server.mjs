import http from 'node:http'
import { graceful } from '@handover/core'
import next from 'next'

const app = next({ dev: false })
await app.prepare()
const server = http.createServer(app.getRequestHandler())
const handle = graceful(server)
// Work in after() finishes before the process exits.
handle.onDrained(() => app.close())

server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`pid ${process.pid} listens on http://localhost:${server.address().port}`)
})
