import { expect, test } from 'vitest'
import { cli, startCli, startOnTerminal } from '../support/cli.js'
import { startControlled } from '../support/controlled.js'
import { connect, inFlight } from '../support/http.js'
import { startService } from '../support/service.js'

test('C53: handover status shows the serving generation, its program, open connections and what holds a drain', async () => {
  const { path, service } = await startControlled({ drainTimeoutMs: 60_000 })
  const { open } = await inFlight(service.target)
  expect((await cli(['status', '--control', path])).stdout).toMatch(
    new RegExp(
      '^ *PID  GENERATION  RELEASE  .*STATE +UPTIME +CPU +MEMORY  CONNECTIONS  IN FLIGHT  REQUESTS\n' +
        ` *${service.pid} +1  .+ ready .* 1 +1 +\\d+\n` +
        `generation 1 \\(pid ${service.pid}\\): ready, http1: 0 idle and 1 busy\n` +
        ' {2}busy with GET /held \\(http1, .*\\)\n' +
        'release .+ runs /.*/http\\.mjs in /.*\nlast reload: none\n$',
    ),
  )
  expect(await cli(['reload', '--control', path, '--no-wait'])).toMatchObject({ code: 0 })
  const { code, stdout } = await cli(['status', '--control', path])
  expect(stdout).toMatch(/\n *\d+ +2 {2}.+ ready /)
  expect(stdout).toMatch(
    new RegExp(
      `\ngeneration 1 \\(pid ${service.pid}\\): draining, handed over, .* s left, http1: .*\n {2}waits for GET /held`,
    ),
  )
  expect(stdout).toMatch(/\nlast reload: handed over at 20.* in .*s\n$/)
  expect(code).toBe(0)
  open()
  await service.exitOf(service.pid)
})

test('C53: --json prints only the status, and HANDOVER_CONTROL or ./handover.sock gives the path of the socket', async () => {
  const { folder, path, service } = await startControlled()
  const { stdout, ...rest } = await cli(['status', '--json'], { env: { HANDOVER_CONTROL: path } })
  expect(rest).toEqual({ code: 0, stderr: '' })
  expect(JSON.parse(stdout)).toMatchObject({
    generations: [{ generation: 1, pid: service.pid, state: 'ready', connections: { total: 0 } }],
  })
  const missing = await cli(['status'], { cwd: folder, env: { HANDOVER_CONTROL: undefined } })
  expect(missing.stderr).toMatch(/There is no control socket at \.\/handover\.sock\. Start the service with/)
  expect(missing.code).toBe(3)
})

test('C53: --watch continues through a reload and exits with 3 when the service has stopped', async () => {
  const { path } = await startControlled()
  const watching = startCli(['status', '--watch', '--json', '--control', path])
  await watching.printed(/"generation":1/)
  expect(await cli(['reload', '--control', path])).toMatchObject({ code: 0 })
  await watching.printed(/^\{"generations":\[\{"generation":2/m)
  expect(await cli(['stop', '--control', path])).toMatchObject({ code: 0 })
  const { code, stdout, stderr } = await watching.ended
  expect(code).toBe(3)
  // The second one if the command had no status from the service for 3 s.
  expect(stderr).toMatch(/There is no control socket|The service closed the connection/)
  expect(
    stdout
      .trim()
      .split('\n')
      .every((line) => JSON.parse(line).generations.length > 0),
  ).toBe(true)
})

test('C53: on a terminal --watch redraws the status on a cleared screen', async () => {
  const { path, service } = await startControlled()
  const watching = startOnTerminal(['status', '--watch', '--control', path], { env: { TERM: 'xterm' } })
  await watching.printed(/ 0 +0 +0\s/)
  await connect(service.target)
  await watching.printed(/\[H.\[2J *PID .* 1 +0 +0\s/s)
  expect(await cli(['stop', '--control', path])).toMatchObject({ code: 0 })
  await watching.ended
})

test('C53: with a PID handover status reports whether the process runs and refers to --control for more', async () => {
  const service = await startService('http.mjs')
  const { pid } = service
  expect(await cli(['status', String(pid)])).toEqual({
    code: 0,
    stdout: `process ${pid} is running; use --control for details\n`,
    stderr: '',
  })
  service.signal('SIGTERM')
  await service.exitOf(pid)
  const gone = await cli(['status', String(pid), '--json'])
  expect(gone).toMatchObject({ code: 3, stderr: `handover: There is no process ${pid}.\n` })
  expect(JSON.parse(gone.stdout)).toEqual({ pid, running: false })
})
