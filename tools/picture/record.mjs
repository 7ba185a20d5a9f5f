// Runs the demo and prints its screen during the drain of the third deploy, with colors, and the last line of its
// verdict. `npm run docs:picture` stores them in recording.txt and draws docs/reload.svg from them.
import { fileURLToPath } from 'node:url'
import { Demo } from '../../demo/dist/demo.js'
import { frame, openOf } from '../../demo/dist/frame.js'
import { paintIf } from '../../demo/dist/paint.js'
import { verdictLines } from '../../demo/dist/reports.js'
import { judge } from '../../demo/dist/verdict.js'

const paint = paintIf(true)
const columns = 92
const intervalMs = 20

/** Keeps the last screen of the third deploy on which at least half of the predecessor's connections are open. */
class Recorder {
  screen = []
  #events = []
  #stage
  #timer

  open(stage) {
    this.#stage = stage
    this.#timer = setInterval(() => this.#look(), intervalMs)
  }

  say(text) {
    if (text.startsWith('GET ')) return
    const seconds = (performance.now() - this.#stage.startedAt) / 1000
    this.#events.push(`${paint.dim(`${seconds.toFixed(1).padStart(5)} s`)}  ${text}`)
  }

  close() {
    clearInterval(this.#timer)
  }

  #look() {
    const from = this.#stage.deploys[2]?.from
    if (from?.state !== 'draining') return
    const left = openOf(from, this.#stage)
    if (this.screen.length > 0 && left < from.openAtDrain / 2) return
    this.screen = [...this.#events, ...frame(this.#stage, { now: performance.now(), columns, paint })]
  }
}

const view = new Recorder()
const service = fileURLToPath(new URL('../../examples/fastify', import.meta.url))
const demo = new Demo({ service, port: 0, view })
process.on('exit', () => demo.clean())
const verdict = judge(await demo.run())
if (!verdict.passed || view.screen.length === 0) throw new Error('the demo did not pass; nothing to record')
console.log([...view.screen, '', ...verdictLines(verdict, paint).slice(-1)].join('\n'))
process.exit()
