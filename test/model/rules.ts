// The behavior of the processes in the model: core's own functions, or variants with a deliberate fault.
import { next } from '../../packages/core/src/generation/lifecycle.js'
import { type GrantEvent, nextClaim, nextGrant } from '../../packages/core/src/succession/ownership.js'
import type { Move } from './explorer.js'
import { canServe, lifecycle, type Message, runs, standsBy, type World } from './world.js'

export interface Rules {
  readonly next: typeof next
  readonly nextGrant: typeof nextGrant
  readonly nextClaim: typeof nextClaim
  /** Whether a successor checks its servers before it takes over. */
  readonly looksAtServers: boolean
  /** Whether a successor takes a closed channel as the exit of its predecessor, without a check. */
  readonly infersFromChannel: boolean
  /** Whether a predecessor closes its listeners with `own` instead of with the acknowledgment. */
  readonly letsGoEarly: boolean
}

export const real: Rules = {
  next,
  nextGrant,
  nextClaim,
  looksAtServers: true,
  infersFromChannel: false,
  letsGoEarly: false,
}

type Changed = Partial<World['predecessor']> & Partial<World['successor']>
const predecessorOf = (world: World, changed: Changed): World => ({
  ...world,
  predecessor: { ...world.predecessor, ...changed },
})
const successorOf = (world: World, changed: Changed): World => ({
  ...world,
  successor: { ...world.successor, ...changed },
})

/** All possible next events in `world`. */
export function movesOf(rules: Rules, world: World): Move<World>[] {
  return [
    ...faults(world),
    ...(world.supervisor && runs(world.supervisor) ? relays(world) : []),
    ...(runs(world.predecessor) ? predecessorMoves(rules, world) : []),
    ...(runs(world.successor) ? successorMoves(rules, world) : []),
  ]
}

/** Events that no process can prevent. */
function faults(world: World): Move<World>[] {
  const { left, supervisor } = world
  const moves: Move<World>[] = []
  for (const who of ['predecessor', 'successor'] as const) {
    const process = world[who]
    if (!process.alive) continue
    if (left.kills > 0) moves.push({ label: `${who} is killed`, after: killed(world, who) })
    if (process.stopped)
      moves.push({ label: `${who} continues`, after: { ...world, [who]: { ...process, stopped: false } } })
    else if (left.stops > 0)
      moves.push({
        label: `${who} is stopped`,
        after: { ...world, [who]: { ...process, stopped: true }, left: { ...left, stops: left.stops - 1 } },
      })
    if (left.terms > 0 && !process.term)
      moves.push({ label: `SIGTERM to the ${who}`, after: signaled(world, who) })
  }
  if (supervisor?.alive) moves.push(...supervisorFaults(world))
  const spent = { ...left, faults: left.faults - 1 }
  const { successor } = world
  if (left.faults > 0 && runs(successor) && world.channelOpen)
    moves.push({
      label: 'successor closes its channel',
      after: { ...world, channelOpen: false, left: spent },
    })
  const onProbation = successor.state.name === 'ready' && successor.claim !== 'owner'
  if (left.faults > 0 && runs(successor) && onProbation && !successor.closedServer)
    moves.push({
      label: 'successor closes its server',
      after: {
        ...successorOf(world, { closedServer: true, serves: false }),
        excused: world.excused || !canServe.predecessor(world),
        left: spent,
      },
    })
  return moves
}

function supervisorFaults(world: World): Move<World>[] {
  const { supervisor, left } = world
  if (!supervisor) return []
  const moves = [
    {
      label: 'supervisor is killed',
      after: { ...world, supervisor: { ...supervisor, alive: false }, shutdown: true },
    },
  ]
  if (supervisor.stopped)
    moves.push({
      label: 'supervisor continues',
      after: { ...world, supervisor: { ...supervisor, stopped: false } } as never,
    })
  else if (left.stops > 0)
    moves.push({
      label: 'supervisor is stopped',
      after: {
        ...world,
        supervisor: { ...supervisor, stopped: true },
        left: { ...left, stops: left.stops - 1 },
      } as never,
    })
  return left.kills > 0 ? moves : moves.slice(1)
}

function killed(world: World, who: 'predecessor' | 'successor'): World {
  const other = who === 'predecessor' ? 'successor' : 'predecessor'
  const last = canServe[who](world) && !canServe[other](world)
  return {
    ...world,
    [who]: { ...world[who], alive: false, stopped: false },
    excused: world.excused || last,
    left: { ...world.left, kills: world.left.kills - 1 },
  }
}

/** A signal to the owner of the service, or to the only process that can serve, stops the service. */
function signaled(world: World, who: 'predecessor' | 'successor'): World {
  const { predecessor, successor, left } = world
  const isOwner =
    who === 'predecessor' ? !/^(given|stood-down)$/.test(predecessor.grant) : successor.claim === 'owner'
  const other = who === 'predecessor' ? 'successor' : 'predecessor'
  return {
    ...world,
    [who]: { ...world[who], term: true, asked: true },
    shutdown: world.shutdown || isOwner || !canServe[other](world),
    left: { ...left, terms: left.terms - 1 },
  }
}

/** A supervisor relays messages and reports exits, before or after the last message of the exited process. */
function relays(world: World): Move<World>[] {
  const moves: Move<World>[] = []
  const { fromPredecessor, fromSuccessor, supervisor, predecessor, successor } = world
  const [toSuccessor, toPredecessor] = [fromPredecessor[0], fromSuccessor[0]]
  if (toSuccessor)
    moves.push({
      label: `supervisor relays ${toSuccessor}`,
      after: {
        ...world,
        fromPredecessor: fromPredecessor.slice(1),
        toSuccessor:
          world.channelOpen && successor.alive ? [...world.toSuccessor, toSuccessor] : world.toSuccessor,
      },
    })
  if (toPredecessor)
    moves.push({
      label: `supervisor relays ${toPredecessor}`,
      after: {
        ...world,
        fromSuccessor: fromSuccessor.slice(1),
        toPredecessor: predecessor.alive ? [...world.toPredecessor, toPredecessor] : world.toPredecessor,
      },
    })
  if (supervisor && !predecessor.alive && !supervisor.toldEnd && successor.alive)
    moves.push({
      label: 'supervisor has reaped the predecessor',
      after: {
        ...world,
        supervisor: { ...supervisor, toldEnd: true },
        toSuccessor: world.channelOpen ? [...world.toSuccessor, 'predecessor-ended'] : world.toSuccessor,
      },
    })
  return moves
}

const sendToSuccessor = (world: World, message: Message): World => {
  if (world.supervisor) return { ...world, fromPredecessor: [...world.fromPredecessor, message] }
  return world.channelOpen ? { ...world, toSuccessor: [...world.toSuccessor, message] } : world
}

const sendToPredecessor = (world: World, message: Message): World => {
  if (!world.channelOpen) return world
  return world.supervisor
    ? { ...world, fromSuccessor: [...world.fromSuccessor, message] }
    : { ...world, toPredecessor: [...world.toPredecessor, message] }
}

function predecessorMoves(rules: Rules, world: World): Move<World>[] {
  const { predecessor, successor, toPredecessor, channelOpen } = world
  const { state, grant, heardReady, givesUp, term } = predecessor
  const moves: Move<World>[] = []
  const [message] = toPredecessor
  if (message)
    moves.push({
      label: `predecessor reads ${message}`,
      after: hear(rules, { ...world, toPredecessor: toPredecessor.slice(1) }, message),
    })
  if (term && state.name !== 'exited')
    moves.push({ label: 'predecessor shuts down', after: shutDown(rules, world) })
  if (state.name === 'draining') moves.push(...drainMoves(rules, world))
  if (state.name !== 'handing-over') return moves
  if (givesUp) {
    if (successor.alive)
      moves.push({
        label: 'predecessor kills the successor at its limit',
        after: successorOf(world, { alive: false, stopped: false }),
      })
    else moves.push({ label: 'predecessor serves alone again', after: serveAgain(rules, world) })
    return moves
  }
  if (heardReady && grant === 'kept')
    moves.push({ label: 'the probation ends', after: step(rules, world, 'outlived') })
  // A process reads its pending messages before it acts on a timeout. A supervisor may still hold some.
  if (toPredecessor.length === 0 && grant !== 'given')
    moves.push({ label: 'the successor times out', after: giveUp(rules, world) })
  const sawEnd = toPredecessor.length === 0 && (!successor.alive || (!channelOpen && !world.supervisor))
  if (sawEnd && grant !== 'given')
    moves.push({ label: 'the successor has exited or closed its channel', after: giveUp(rules, world) })
  return moves
}

function drainMoves(rules: Rules, world: World): Move<World>[] {
  const { predecessor, successor, toPredecessor } = world
  if (standsBy(world)) {
    if (!successor.alive && toPredecessor.length === 0)
      return [{ label: 'predecessor serves again', after: comeBack(rules, world) }]
    return successor.alive
      ? [{ label: 'predecessor has drained', after: predecessorOf(world, { drained: true }) }]
      : []
  }
  const isOver = predecessor.state.name === 'draining' && predecessor.state.because === 'handed-over'
  return isOver || !successor.alive
    ? [{ label: 'predecessor exits', after: exited(world, 'predecessor') }]
    : []
}

function comeBack(rules: Rules, world: World): World {
  const state = rules.next(world.predecessor.state, lifecycle('successor-lost'))
  const after = step(rules, world, 'ended')
  if (!state || after.predecessor.grant !== 'taken-back') return world
  return predecessorOf({ ...after, pidFile: 'predecessor' }, { state, serves: true })
}

function hear(rules: Rules, world: World, message: Message): World {
  const { state, givesUp } = world.predecessor
  if (message === 'ready') return predecessorOf(world, { heardReady: true })
  if (message === 'stand-down') return step(rules, world, 'stand-down')
  if (state.name !== 'handing-over' || givesUp) return world
  if (message === 'can-take-over') return step(rules, world, 'can-take-over')
  return message === 'took-over' ? step(rules, world, 'took-over') : world
}

/** Advances the grant, sends its message, and stops serving if the step requires it. */
function step(rules: Rules, world: World, event: GrantEvent): World {
  const result = rules.nextGrant(world.predecessor.grant, event)
  if (!result) return world
  const { grant, send, end } = result
  let after = predecessorOf(world, { grant })
  if (send) after = sendToSuccessor(after, send)
  if (rules.letsGoEarly && send === 'own') after = predecessorOf(after, { serves: false })
  if (grant === 'given') {
    const state = rules.next(after.predecessor.state, lifecycle('successor-proven'))
    if (state) after = predecessorOf(after, { state, serves: false })
  }
  if (!end || !after.successor.alive) return after
  return end === 'at-once'
    ? successorOf(after, { alive: false, stopped: false })
    : successorOf(after, { term: true })
}

const giveUp = (rules: Rules, world: World): World =>
  predecessorOf(step(rules, world, 'failed'), { givesUp: true })

function serveAgain(rules: Rules, world: World): World {
  const state = rules.next(world.predecessor.state, lifecycle('successor-failed'))
  if (!state) return world
  return predecessorOf({ ...world, pidFile: 'predecessor' }, { state, givesUp: false })
}

function shutDown(rules: Rules, world: World): World {
  const { predecessor } = world
  const state = rules.next(predecessor.state, lifecycle('shutdown'))
  const owns = !/^(given|stood-down)$/.test(predecessor.grant)
  const ended = owns && predecessor.state.name === 'handing-over' ? step(rules, world, 'shutdown') : world
  const after = predecessorOf(ended, { term: false, ...(state && { state }), serves: false })
  // A draining predecessor does not own the service.
  return owns ? { ...after, shutdown: true, socketFile: world.supervisor ? after.socketFile : false } : after
}

const exited = (world: World, who: 'predecessor' | 'successor'): World => ({
  ...world,
  [who]: { ...world[who], alive: false },
  pidFile: world.pidFile === who ? 'none' : world.pidFile,
})

function successorMoves(rules: Rules, world: World): Move<World>[] {
  const { predecessor, successor, toSuccessor, channelOpen, supervisor } = world
  const { state, claim, term } = successor
  const moves: Move<World>[] = []
  if (state.name === 'starting' && !term)
    moves.push({ label: 'successor is ready', after: getReady(rules, world) })
  const [message] = toSuccessor
  if (message && channelOpen)
    moves.push({
      label: `successor reads ${message}`,
      after: obey(rules, { ...world, toSuccessor: toSuccessor.slice(1) }, message),
    })
  if (term) moves.push({ label: 'successor shuts down', after: renounce(rules, world) })
  if (state.name === 'draining')
    moves.push({ label: 'successor has drained and exits', after: exited(world, 'successor') })
  const channelEnded = supervisor
    ? !channelOpen
    : !channelOpen || (!predecessor.alive && toSuccessor.length === 0)
  const hasEnded = rules.infersFromChannel ? channelEnded : channelEnded && !predecessor.alive
  if (hasEnded && claim !== 'owner' && claim !== 'renounced')
    moves.push({
      label: 'successor finds that its predecessor has exited',
      after: claimBy(rules, world, 'predecessor-ended'),
    })
  return moves
}

function getReady(rules: Rules, world: World): World {
  const owns = world.successor.claim === 'owner'
  const state = rules.next(world.successor.state, lifecycle('ready', !owns))
  if (!state) return world
  const ready = sendToPredecessor(successorOf(world, { state, serves: true }), 'ready')
  return owns ? { ...ready, pidFile: 'successor' } : ready
}

function obey(rules: Rules, world: World, message: Message): World {
  const { state, closedServer } = world.successor
  const isOnProbation = state.name === 'ready' && state.onProbation
  if (message === 'take-over' || message === 'own') {
    if (!isOnProbation) return world
    if (closedServer && rules.looksAtServers) return exited(world, 'successor')
    return claimBy(rules, world, message)
  }
  if (message === 'predecessor-ended') return claimBy(rules, world, message)
  if (message !== 'taken-back') return world
  const after = claimBy(rules, world, 'taken-back')
  return after.successor.claim === 'renounced' ? successorOf(after, { term: true }) : after
}

function claimBy(rules: Rules, world: World, event: Parameters<typeof nextClaim>[1]): World {
  const result = rules.nextClaim(world.successor.claim, event)
  if (!result) return world
  const after = successorOf(world, { claim: result.claim })
  if (result.claim !== 'owner') return result.send ? sendToPredecessor(after, result.send) : after
  const state = rules.next(after.successor.state, lifecycle('proven'))
  if (!state) return after
  // A pending signal reaches the owner.
  const shutdown = world.shutdown || world.successor.asked
  const owner: World = { ...successorOf(after, { state }), pidFile: 'successor', shutdown }
  return result.send ? sendToPredecessor(owner, result.send) : owner
}

function renounce(rules: Rules, world: World): World {
  const { successor } = world
  const owned = successor.claim === 'owner'
  const result = rules.nextClaim(successor.claim, 'leave')
  const state = rules.next(successor.state, lifecycle('shutdown'))
  const told = result?.send ? sendToPredecessor(world, result.send) : world
  const after = successorOf(told, {
    term: false,
    serves: false,
    ...(result && { claim: result.claim }),
    ...(state && { state }),
  })
  if (!owned) return after
  const shutdown = world.shutdown || successor.asked
  return { ...after, shutdown, socketFile: world.supervisor ? after.socketFile : false }
}
