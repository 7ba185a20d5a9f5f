// `npm run demo`: shows three deploys under load. See README.md for PORT and for the argument.
import { fileURLToPath } from 'node:url'
import { Demo } from './demo.js'
import { canPaint, paintIf } from './paint.js'
import { Problem } from './problem.js'
import { reportLines, verdictLines } from './reports.js'
import { judge } from './verdict.js'
import { PlainView } from './view-plain.js'
import { TerminalView } from './view-terminal.js'

const { env, stdout } = process
const isLive = canPaint(stdout.isTTY, env)
const paint = paintIf(isLive)
const print = (line: string) => console.log(line)
const view = isLive ? new TerminalView(stdout, paint) : new PlainView(print)

function fail(text: string): never {
  view.close()
  print(`\n${paint.red(paint.bold('FAILED: '))}${text}`)
  process.exit(1)
}

function readPort(text: string | undefined): number {
  if (text === undefined || text === '') return 0
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port < 65_536) return port
  return fail(`PORT must be a number from 0 to 65535; it is ${JSON.stringify(text)}.`)
}

const port = readPort(env.PORT)
const demo = new Demo({
  service: process.argv[2] ?? fileURLToPath(new URL('../../examples/fastify', import.meta.url)),
  port,
  view,
})

// Whatever ends this process: nothing that it started outlives it.
process.on('exit', () => demo.clean())
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => fail(`interrupted by ${signal}. The service is ended, its folder removed.`))
}
// Whoever read the output does so no longer.
stdout.on('error', () => process.exit(1))

print(paint.bold('A Fastify service is deployed three times under load. One release is broken.'))
try {
  const outcome = await demo.run()
  const verdict = judge(outcome)
  for (const line of [...reportLines(outcome, paint), ...verdictLines(verdict, paint)]) print(line)
  process.exit(verdict.passed ? 0 : 1)
} catch (error) {
  if (!(error instanceof Problem)) throw error
  const isTaken = error.message.includes('EADDRINUSE')
  fail(isTaken ? `port ${port} is in use. Leave PORT out, and the demo takes a free one.` : error.message)
}
