// `npm run demo`: shows three deploys under load. README.md describes PORT and the argument.
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
  return fail(`PORT must be an integer from 0 to 65535; it is ${JSON.stringify(text)}.`)
}

const port = readPort(env.PORT)
const demo = new Demo({
  service: process.argv[2] ?? fileURLToPath(new URL('../../examples/fastify', import.meta.url)),
  port,
  view,
})

// No process of the demo outlives this one, whatever ends it.
process.on('exit', () => demo.clean())
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => fail(`interrupted by ${signal}. Stopped the service and removed its folder.`))
}
// The reader of the output has closed it.
stdout.on('error', () => process.exit(1))

print(paint.bold('Deploying a Fastify service three times under load. One release is broken.'))
try {
  const outcome = await demo.run()
  const verdict = judge(outcome)
  for (const line of [...reportLines(outcome, paint), ...verdictLines(verdict, paint)]) print(line)
  process.exit(verdict.passed ? 0 : 1)
} catch (error) {
  if (!(error instanceof Problem)) throw error
  const isTaken = error.message.includes('EADDRINUSE')
  fail(isTaken ? `port ${port} is in use. Without PORT, the demo picks a free port.` : error.message)
}
