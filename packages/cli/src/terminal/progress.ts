/** Shows progress on standard error: a line for each phase, and on a terminal a bar for the drain. */
import type { ControlEvent } from '@handover/core/supervision'
import { formatCount, formatDuration, formatProcess } from './format.js'
import { printToStderr } from './output.js'

export interface Progress {
  onEvent(event: ControlEvent): void
  /** Called when the command has its answer. */
  done(): void
}

export const silentProgress: Progress = { onEvent() {}, done() {} }

type Draining = ControlEvent & { event: 'draining' }

export async function visibleProgress(): Promise<Progress> {
  const bar = process.stderr.isTTY ? await drainBar() : undefined
  const waiting = bar ? undefined : drainLines()
  return {
    onEvent(event) {
      switch (event.event) {
        case 'phase':
          bar?.hide()
          printToStderr(formatPhase(event))
          break
        case 'draining':
          bar?.show(event)
          waiting?.(event)
          break
        case 'alive':
        case 'status':
          break
        default:
          event satisfies never
      }
    },
    done: () => bar?.hide(),
  }
}

function formatPhase({ phase, limitMs, successor, ...running }: ControlEvent & { event: 'phase' }): string {
  const next = successor ? formatProcess(successor) : 'the next generation'
  const drains = `${formatProcess(running)} drains for at most ${formatDuration(limitMs)}`
  const texts: Readonly<Record<typeof phase, string>> = {
    starting: `${next} is starting; it has ${formatDuration(limitMs)} to become ready`,
    probation: `${next} is ready and on probation for ${formatDuration(limitMs)}`,
    draining: successor ? `${next} serves; ${drains}` : drains,
  }
  return texts[phase]
}

/** Without a terminal: a line every few seconds, for the log of the deployment. */
function drainLines(): (event: Draining) => void {
  const everyMs = 5_000
  let last = performance.now()
  return ({ open, msLeft, ...of }) => {
    if (performance.now() - last < everyMs) return
    last = performance.now()
    printToStderr(`${formatProcess(of)} drains: ${formatCount(open, 'connection')} open${left(msLeft)}`)
  }
}

const left = (msLeft: number | undefined) => (msLeft === undefined ? '' : `, ${formatDuration(msLeft)} left`)

/** One bar for all generations that drain. */
async function drainBar(): Promise<{ show(event: Draining): void; hide(): void }> {
  const { SingleBar } = (await import('cli-progress')).default
  const byPid = new Map<number, Draining>()
  const options = { clearOnComplete: true, format: 'draining {bar} {value} of {total} connections{left}' }
  let bar: InstanceType<typeof SingleBar> | undefined
  const sum = (count: (event: Draining) => number) =>
    [...byPid.values()].reduce((total, event) => total + count(event), 0)
  return {
    show(event) {
      byPid.set(event.pid, event)
      const total = sum(({ of }) => of)
      if (total === 0) return
      const done = total - sum(({ open }) => open)
      const payload = { left: left(event.msLeft) }
      if (bar) bar.setTotal(total)
      else {
        bar = new SingleBar(options)
        bar.start(total, done, payload)
      }
      bar.update(done, payload)
    },
    hide() {
      bar?.stop()
      bar = undefined
    },
  }
}
