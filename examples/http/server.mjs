import { createHash } from 'node:crypto'
import http from 'node:http'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { graceful } from '@handover/core'

const server = http.createServer((request, response) => {
  response.setHeader('x-generation', handle.generation).setHeader('x-pid', process.pid)
  answer(request, response).catch(() => response.destroy())
})
const handle = graceful(server)

const who = () => JSON.stringify({ generation: handle.generation, pid: process.pid })

async function answer(request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost')
  switch (`${request.method} ${pathname}`) {
    case 'GET /':
      return response.end(who())
    case 'GET /slow':
      await pause(Number(searchParams.get('ms') ?? 2000))
      return response.end(who())
    case 'POST /upload': {
      const hash = createHash('sha256')
      await pipeline(request, hash)
      return response.end(hash.digest('hex'))
    }
    default:
      return response.writeHead(404).end()
  }
}

server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`pid ${process.pid} listens on http://localhost:${server.address().port}`)
})
