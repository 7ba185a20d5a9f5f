/** Applies options of a later registration that the generation has read before. */

import type { Settings } from '../base/settings.js'
import type { Generation } from './generation.js'

/** The generation reads most options when it needs them. These it has already read or used. */
export function applyAdded(generation: Generation, before: Settings): void {
  const { settings, state, supervisor, control, listeners } = generation
  if (state.name === 'draining' || state.name === 'exited') return
  const isNew = (name: keyof Settings) => settings[name] !== before[name]
  if (isNew('reloadSignals') || isNew('shutdownSignals')) generation.changeSignals()
  if (isNew('health')) for (const server of listeners.servers()) generation.health.answer(server)
  supervisor?.optionsChanged()
  // Before that the generation uses neither. During the probation the predecessor still does.
  const inCharge = state.name === 'handing-over' || (state.name === 'ready' && !state.onProbation)
  if (inCharge && isNew('pidFile')) generation.writePidFile()
  if (inCharge && isNew('control')) void control.start()
}
