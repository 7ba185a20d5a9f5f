// Every order of events between two generations: some living process serves, and owns what is served.
import { expect, test } from 'vitest'
import { nextClaim, nextGrant } from '../../packages/core/src/ownership.js'
import { explore } from './explorer.js'
import { movesOf, type Rules, real } from './rules.js'
import { started, type World, wrong } from './world.js'

const depth = 40
const left: World['left'] = { kills: 2, stops: 2, terms: 1, faults: 1 }

const run = (rules: Rules, supervised = false) =>
  explore({ start: started(supervised, left), moves: (world) => movesOf(rules, world), wrong }, depth)

test.each([false, true])(
  'in every order of kills, stops, signals, late timers and closed channels a living process serves (supervised: %s)',
  (supervised) => {
    const { trace, complete, states } = run(real, supervised)
    expect(trace).toBeUndefined()
    expect(complete).toBe(true)
    console.log(`${states} states, supervised: ${supervised}`)
    expect(states).toBeGreaterThan(1_000)
  },
)
