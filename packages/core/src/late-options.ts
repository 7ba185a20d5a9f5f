/** Puts options into force that a later registration has set, where the generation has read them before. */
import type { Generation } from './generation.js'
import type { Settings } from './options.js'

/** Most options are read when they are needed. These were read, or acted on, before. */
export function applyAdded(generation: Generation, before: Settings): void {
  const { settings, state, supervisor, control, startup, listeners } = generation
  if (state.name === 'draining' || state.name === 'exited') return
  const isNew = (name: keyof Settings) => settings[name] !== before[name]
  if (isNew('reloadSignals') || isNew('shutdownSignals')) generation.changeSignals()
  if (isNew('health')) for (const server of listeners.servers()) generation.health.answer(server)
  supervisor?.optionsChanged()
  // Until then the generation acts on neither; on probation the predecessor still does.
  const inCharge = state.name === 'handing-over' || (state.name === 'ready' && !state.onProbation)
  if (inCharge && isNew('pidFile')) startup.writePidFile()
  if (inCharge && isNew('control')) void control.start()
}
