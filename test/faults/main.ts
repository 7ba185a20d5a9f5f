/** `npm run test:faults -- --rounds 100 --seed 7` runs rounds; `--seed 7 --round 42` replays one. See README.md. */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { drawPlan } from './plan.js'
import { Results } from './results.js'
import { playRound } from './round.js'
import { openScenes } from './scene.js'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(randomInt(1_000_000)) },
    round: { type: 'string' },
    'side-by-side': { type: 'string', default: '4' },
    verbose: { type: 'boolean', default: false },
  },
})

const seed = whole('seed', values.seed)
const first = values.round === undefined ? 1 : whole('round', values.round)
const last = values.round === undefined ? whole('rounds', values.rounds) : first
const results = new Results(values.verbose)

console.log(`faults: seed ${seed}, ${first === last ? `round ${first}` : `rounds ${first} to ${last}`}`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void leave())

let next = first
let interrupted = false
await Promise.all(Array.from({ length: whole('side-by-side', values['side-by-side']) }, playSome))
console.log(results.summary())
process.exitCode = results.failed ? 1 : 0

async function playSome(): Promise<void> {
  while (next <= last) {
    const plan = drawPlan(seed, next++)
    try {
      results.add(await playRound(plan))
    } catch (error) {
      if (!interrupted) results.addBroken(plan, error)
    }
  }
}

/** Removes all scenes with their processes, and exits. */
async function leave(): Promise<void> {
  next = last + 1
  interrupted = true
  await Promise.all([...openScenes].map((scene) => scene.remove()))
  console.log(results.summary())
  process.exit(130)
}

function whole(name: string, text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number >= 0) return number
  console.error(`--${name} must be a non-negative integer; it is ${text}`)
  process.exit(2)
}
