import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { read } from '../docs/pages.js'
import { cli } from '../support/cli.js'
import { startControlled } from '../support/controlled.js'
import { testNode } from '../support/service.js'
import { handover } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'

const operating = ['reload', 'status', 'stop']

test.each(operating)(
  'handover %s --help shows the service options, what happens, exit codes and examples',
  async (name) => {
    const { code, stdout, stderr } = await cli([name, '--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`^Usage: handover ${name} \\[options\\] \\[pid\\]`))
    for (const part of [
      '--control <path>',
      '--pid-file <path>',
      '--json',
      'HANDOVER_CONTROL',
      './handover.sock',
    ]) {
      expect(stdout).toContain(part)
    }
    for (const heading of ['Which service:', 'Exit codes:\n  0  ', 'Examples:'])
      expect(stdout).toContain(heading)
    expect(stdout.split('\n').filter((line) => line.length > 90)).toEqual([])
  },
)

test('handover --help names every command', async () => {
  const { code, stdout } = await cli(['--help'])
  expect(code).toBe(0)
  for (const name of ['run', 'scale', ...operating]) expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'))
})

test('handover --version prints the version of the package', async () => {
  const { version } = JSON.parse(read('packages/cli/package.json'))
  expect(await cli(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
})

test.each([
  [['relaod'], /unknown command 'relaod'\n\(Did you mean reload\?\)/],
  [['stat'], /unknown command 'stat'/],
  [['reload', '--jsn'], /unknown option '--jsn'\n\(Did you mean --json\?\)/],
  [['reload', '12x'], /'12x' is invalid for argument 'pid'/],
  [['stop', '0'], /Expected a number, 1 or more/],
  [['stop', '1', '--timeout', '5'], /Expected a time with its unit/],
  [['scale'], /missing required argument 'workers'/],
  [['scale', '0'], /'0' is invalid for argument 'workers'. Expected a number from 1 to 1000, or max/],
  [['scale', '+2'], /Expected a number from 1 to 1000, or max/],
  [['scale', '1001'], /Expected a number from 1 to 1000, or max/],
  [['scale', '2', '--pid-file', 'x'], /unknown option '--pid-file'/],
  [['status', '1', '2'], /too many arguments/],
  [['status', '1', '--control', 'x'], /Name the service only once/],
  [['reload', '--control'], /argument missing/],
  [[], /Usage: handover/],
])('handover rejects the command line %j with exit code 2', async (args, why) => {
  const { code, stdout, stderr } = await cli(args)
  expect(stderr).toMatch(why)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
})

test('C53: a missing socket, a socket without a server and a socket of another program each get their own error and exit code 3', async () => {
  const folder = tempDir()
  const served = join(folder, 'served.sock')
  const other = net.createServer((socket) => {
    socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n')
  })
  await new Promise<void>((resolve) => other.listen(served, resolve))
  onTestFinished(() => void other.close())
  const { path, service } = await startControlled()
  service.signal('SIGKILL', service.pid)
  await service.exitOf(service.pid)
  const file = join(folder, 'file')
  writeFileSync(file, '')
  const why = [
    [file, /file is not a control socket\. Name the service/],
    [join(folder, 'none.sock'), /There is no control socket at/],
    [path, /No process serves the control socket .*: its service was killed\./],
    [served, /is not a Handover service: its answer does not follow/],
  ] as const
  for (const [control, reason] of why) {
    for (const name of operating) {
      const { code, stdout, stderr } = await cli([name, '--control', control])
      expect(stderr).toMatch(reason)
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    }
  }
})

test.runIf(process.getuid?.() === 0)(
  'C53: the error for the socket of another user names the owner',
  async () => {
    const { folder, path } = await startControlled()
    const run = promisify(execFile)
    await run('chmod', ['0755', folder])
    const asNobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups', testNode, handover]
    const refused = run('setpriv', [...asNobody, 'reload', '--control', path], { cwd: '/' })
    await expect(refused).rejects.toMatchObject({
      code: 3,
      stderr: `handover: The control socket ${path} belongs to another user (uid 0): only that user and root can connect.\n`,
    })
  },
)

test.each(['', 'x', '-1', '0', '1 2'])('a command rejects a PID file that contains %j', async (text) => {
  const pidFile = join(tempDir(), 'app.pid')
  writeFileSync(pidFile, text)
  const { code, stderr } = await cli(['reload', '--pid-file', pidFile])
  expect(stderr).toBe(`handover: The PID file ${pidFile} does not contain a PID.\n`)
  expect(code).toBe(3)
})

test('a command reports a service that does not respond', async () => {
  const { path, service } = await startControlled()
  service.signal('SIGSTOP', service.pid)
  const { code, stderr } = await cli(['status', '--control', path])
  service.signal('SIGCONT', service.pid)
  expect(stderr).toBe(
    'handover: The service did not respond for 10 s (is its event loop blocked?). See its log.\n',
  )
  expect(code).toBe(3)
})
