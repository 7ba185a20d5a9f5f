// Programs that inspect Node internals.
import { coreUrl, evaluate } from './program.js'

const inCore = (name: string) => new URL(name, coreUrl).href
/** `key` and `cert`. */
export const tlsUrl = new URL('../fixtures/tls.mjs', import.meta.url).href

/** What a program needs to inspect Node internals as packages/core/src/platform does. */
export const prelude = `
  import { fork } from 'node:child_process'
  import { once } from 'node:events'
  import http from 'node:http'
  import http2 from 'node:http2'
  import net from 'node:net'
  import tls from 'node:tls'
  import * as privatesOfListeners from '${inCore('platform/listener-handle.js')}'
  import * as privatesOfConnections from '${inCore('platform/socket-handle.js')}'
  import * as privatesOfChannels from '${inCore('platform/ipc-channel.js')}'
  import * as privatesOfTls from '${inCore('platform/tls-sessions.js')}'
  import * as privatesOfRequests from '${inCore('platform/restored-request.js')}'
  import { atBoundary } from '${inCore('platform/server-kind.js')}'
  const privates = { ...privatesOfListeners, ...privatesOfConnections, ...privatesOfChannels }
  const turn = () => new Promise(setImmediate)
  const until = async (isSo) => { while (!isSo()) await turn() }
  const listen = async (server) => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return server.address().port
  }
  /** A client and the server's socket for it. */
  const pair = async (server, port, bytes = '') => {
    const client = net.connect(port, '127.0.0.1')
    const [socket] = await once(server, 'connection')
    if (bytes) client.write(bytes)
    client.on('error', () => {}).resume()
    return { client, socket }
  }
  const get = 'GET / HTTP/1.1\\r\\nHost: test\\r\\n\\r\\n'`

/** Runs the statements in the Node under test and resolves with what they put into `told`. */
export const privately = (text: string) =>
  evaluate(`${prelude}
    const told = {}
    ${text}
    console.log(JSON.stringify(told))
    process.exit()`)
