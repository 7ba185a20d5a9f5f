// What the tests need from each process, besides its program.
import { subscribe } from 'node:diagnostics_channel'
import http from 'node:http'
import net from 'node:net'

process.on('exit', (code) => console.log(`pid ${process.pid} exits with code ${code}`))

// Names the process that answers. The program may not know its handle, so this reads what the copies of core share.
subscribe('http.server.request.start', ({ response }) => {
  const { handle } = globalThis[Symbol.for('@handover/core')].generation
  response.setHeader('x-generation', handle.generation).setHeader('x-pid', process.pid)
})

// Idle connections must stay open for longer than the start of a successor on a busy machine.
http.Server.prototype.listen = function listen(...args) {
  this.keepAliveTimeout = 60_000
  return net.Server.prototype.listen.apply(this, args)
}
