import { PassThrough } from 'node:stream'
import { Tally } from '@handover/load'
import xterm from '@xterm/headless'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Generations } from './generations.js'
import type { Load } from './load.js'
import { paintIf } from './paint.js'
import type { Stage } from './stage.js'
import { TerminalView } from './view-terminal.js'

/** A terminal with 80 columns and 18 rows, and its lines including the scrollback. */
function screen() {
  const terminal = new xterm.Terminal({ cols: 80, rows: 18, convertEol: true, allowProposedApi: true })
  const stream = Object.assign(new PassThrough(), { columns: 80, rows: 18, isTTY: true })
  stream.on('data', (bytes: Buffer) => terminal.write(bytes))
  const { active } = terminal.buffer
  const lines = () =>
    Array.from({ length: active.length }, (_, i) => active.getLine(i)?.translateToString(true) ?? '')
  return { stream, lines }
}

test('when the frame grows, event lines stay and one frame is below them', async () => {
  const { stream, lines } = screen()
  const generations = new Generations('1.0.0')
  const load = { tally: new Tally(), samples: [] } as unknown as Load
  const stage: Stage = { startedAt: performance.now(), generations, deploys: [], load, live: undefined }
  const view = new TerminalView(stream, paintIf(false))
  onTestFinished(() => view.close())
  view.open(stage)
  const said: string[] = []
  for (let number = 1; number <= 6; number++) {
    said.push(`event before generation ${number}`)
    view.say(said.at(-1) ?? '')
    // The frame grows between two event lines.
    generations.update({
      kind: 'state',
      change: { generation: number, pid: 4710 + number, state: 'ready' },
      open: 0,
    })
    await vi.waitFor(() => expect(lines().some((line) => line.includes(`${4710 + number}`))).toBe(true))
  }
  view.close()
  await vi.waitFor(() => expect(lines().filter((line) => line.includes(' ready'))).toHaveLength(6))
  const story = lines().filter((line) => line.includes('event before'))
  expect(story.map((line) => line.replace(/^ *\d+\.\d s {2}/, ''))).toEqual(said)
  expect(lines().filter((line) => line.includes('generation  release'))).toHaveLength(1)
})
