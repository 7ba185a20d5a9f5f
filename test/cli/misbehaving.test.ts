// Commands exit with a documented code, whatever the service sends and even if no process reads their output.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { cli } from '../support/cli.js'
import { ControlSocket } from '../support/control.js'
import { startControlled } from '../support/controlled.js'
import { testNode } from '../support/service.js'
import { handover } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { whoServes } from '../support/who.js'

/** Serves a socket that runs `act` for each client after its first data (or `atOnce`), and returns its path. */
async function served(act: (socket: Socket) => void, atOnce = false): Promise<string> {
  const path = join(tempDir(), 'control.sock')
  const sockets = new Set<Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    if (atOnce) act(socket)
    else socket.once('data', () => act(socket))
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return path
}

const says = (text: string) => (socket: Socket) => void socket.end(text)
const phase = '{"id":1,"event":"phase","phase":"starting"}\n'

function endless(socket: Socket): void {
  const part = 'x'.repeat(1024 * 1024)
  const more = () => {
    while (!socket.destroyed && socket.write(part));
  }
  socket.on('drain', more)
  more()
}

/** A command line of each command. */
const commands = [['status'], ['reload'], ['scale', '2'], ['stop']] as const

// The exit codes of status and of the other commands: 4 when the service may have read the request.
const misbehaviors: [string, (socket: Socket) => void, number, number][] = [
  ['closes the connection after a request', (socket) => socket.destroy(), 3, 4],
  ['answers with half a line', says('{"id":1,"ok":tr'), 3, 4],
  ['answers only with an event', says(phase), 3, 4],
  ['answers with an event, then with garbage', says(`${phase}garbage\n`), 3, 4],
  ['answers with bytes that are not text', says('\xff\xfe\x00\n'), 3, 3],
  ['answers with JSON that is not an answer', says('null\n5\n{}\n[]\n'), 3, 3],
  ['answers with a line that never ends', endless, 3, 3],
  ['answers another request', says('{"id":1,"ok":true,"else":{}}\n'), 3, 4],
  [
    'answers with incomplete data',
    says(
      '{"id":1,"ok":true,"status":{"generations":[null]},"reload":{"reports":[{}]},"scale":{},"stop":{}}\n',
    ),
    3,
    4,
  ],
  ['fails without a reason', says('{"id":1,"ok":false}\n'), 3, 3],
]

test.each(misbehaviors)(
  'C71: every command reports a service that %s, and exits with the documented code',
  async (_, act, whenAsked, whenOrdered) => {
    const path = await served(act)
    for (const args of commands) {
      const [name] = args
      const { code, stdout, stderr } = await cli([...args, '--control', path])
      expect(stderr).toMatch(/(^|\n)handover: (The service closed|The process listening there).*\n$/)
      expect({ name, code, stdout }).toEqual({
        name,
        code: name === 'status' ? whenAsked : whenOrdered,
        stdout: '',
      })
    }
    const watch = await cli(['status', '--watch', '--control', path])
    expect(watch.stderr).toMatch(/^handover: (The service closed|The process listening there).*\n$/)
    expect(watch.code).toBe(3)
  },
)

test('C71: a service that closes each connection at once does not crash a command', async () => {
  const path = await served((socket) => socket.destroy(), true)
  for (let i = 0; i < 5; i++) {
    for (const args of commands) {
      const [name] = args
      const expected = name === 'status' ? 3 : 4
      const { code, stderr } = await cli([...args, '--control', path])
      expect(stderr).toMatch(/^handover: The service closed the connection before it answered\..*\n$/)
      expect({ name, code }).toEqual({ name, code: expected })
    }
  }
})

test('C71: the outcome of a reload is unknown when the service sends nothing after half a line', async () => {
  const path = await served((socket) => void socket.write(`${phase}{"id":1`))
  const { code, stderr } = await cli(['reload', '--control', path])
  expect(stderr).toMatch(/handover: The service did not respond for 10 s/)
  expect(code).toBe(4)
})

test('C71: every command reports that the service refuses client 33, and exits with 5', async () => {
  const { path, service } = await startControlled()
  const clients: ControlSocket[] = []
  for (let i = 0; i < 32; i++) clients.push(await ControlSocket.connect(path))
  onTestFinished(() => {
    for (const client of clients) client.close()
  })
  const words =
    /^handover: .*The control socket already serves 32 clients\. Nothing was done\. Try again later\.\n$/
  for (const args of [...commands, ['status', '--watch']]) {
    const { code, stdout, stderr } = await cli([...args, '--control', path])
    expect(stderr).toMatch(words)
    expect({ args, code, stdout }).toEqual({ args, code: 5, stdout: '' })
  }
  expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
})

/** Runs a command whose output no process reads. */
async function unread(args: readonly string[], streams: readonly ('stdout' | 'stderr')[]) {
  const child = spawn(testNode, [handover, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  // Close the pipe before the command prints, so that writing fails with EPIPE.
  for (const stream of streams) child[stream].destroy()
  const [code] = await once(child, 'close')
  return { code, stderr }
}

test('C71: a command whose output no process reads continues and exits with its usual code', async () => {
  const { path, next } = await startControlled()
  expect(await unread(['--help'], ['stdout'])).toEqual({ code: 0, stderr: '' })
  expect(await unread(['status', '--control', path], ['stdout'])).toEqual({ code: 0, stderr: '' })
  expect(await unread(['status', '--watch', '--control', path], ['stdout'])).toEqual({ code: 0, stderr: '' })
  expect(await unread(['reload', '--control', path], ['stdout', 'stderr'])).toMatchObject({ code: 0 })
  next({ exit: 7 })
  expect(await unread(['reload', '--control', path], ['stdout', 'stderr'])).toMatchObject({ code: 1 })
})

test('C74: commands escape control characters in messages from a service', async () => {
  const evil = '\u001b]0;owned\u0007\nhandover: all is well\u009b2J'
  const told = '\\u001b]0;owned\\u0007\\u000ahandover: all is well\\u009b2J'
  const activeWork = [{ kind: 'http1', what: evil, ageMs: 1 }]
  const status = { generations: [{ generation: 1, pid: 1, state: 'ready', activeWork }] }
  const path = await served((socket) => socket.end(`${JSON.stringify({ id: 1, ok: true, status })}\n`))
  expect((await cli(['status', '--control', path])).stdout).toContain(`busy with ${told} (http1`)
  const { stdout } = await cli(['status', '--json', '--control', path])
  expect(stdout).toMatch(/^[\n -~]*$/)
  expect(JSON.parse(stdout)).toEqual(status)
  const error = { code: 'ERR_HANDOVER_SUCCESSOR_EXITED', message: evil, cause: { stack: `Error: ${evil}` } }
  const failing = await served((socket) => socket.end(`${JSON.stringify({ id: 1, ok: false, error })}\n`))
  const { stderr } = await cli(['reload', '--control', failing])
  expect(stderr).toContain(told)
  expect(stderr).toMatch(/^[\n -~]*$/)
})
