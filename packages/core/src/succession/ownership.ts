/**
 * Which of two generations owns the service: its socket files, PID file, control socket and systemd's MAINPID. Ownership
 * moves by a message and its acknowledgement, and never by the end of a channel or by a late message
 * (docs/decisions/0018-ownership-is-agreed.md). Pure: test/model runs it in every order of events.
 */

/**
 * How far a predecessor has given the service away. It owns the service until `given`. From then on it stands by to serve
 * again if its successor dies, until `stood-down`.
 */
export type Grant = 'kept' | 'offered' | 'granted' | 'given' | 'stood-down' | 'taken-back'

export type GrantEvent =
  /** The successor has passed its probation. */
  | 'outlived'
  /** The successor answers that it can take over. */
  | 'can-take-over'
  /** The successor has taken over: the acknowledgement. */
  | 'took-over'
  /** The successor shuts down, hands over itself, or has run long enough. */
  | 'stand-down'
  /** The successor's process has ended, and all its messages have been read. */
  | 'ended'
  /** The successor has ended, timed out, or closed the channel. */
  | 'failed'
  /** This generation shuts down, and the service with it. */
  | 'shutdown'

export interface GrantStep {
  readonly grant: Grant
  readonly send?: 'take-over' | 'own' | 'let-go' | 'taken-back'
  /** How to end the successor: `politely`, so that it can finish its requests, or `at-once`. */
  readonly end?: 'politely' | 'at-once'
}

/** The step of a predecessor at `event`; `undefined` if the event has no effect. */
export function nextGrant(grant: Grant, event: GrantEvent): GrantStep | undefined {
  if (event === 'failed' || event === 'shutdown') return afterFailure(grant, event)
  if (grant === 'kept' && event === 'outlived') return { grant: 'offered', send: 'take-over' }
  if (grant === 'offered' && event === 'can-take-over') return { grant: 'granted', send: 'own' }
  if (grant === 'granted' && event === 'took-over') return { grant: 'given', send: 'let-go' }
  if (grant === 'given' && event === 'stand-down') return { grant: 'stood-down' }
  if (grant === 'given' && event === 'ended') return { grant: 'taken-back' }
  return undefined
}

function afterFailure(grant: Grant, event: 'failed' | 'shutdown'): GrantStep | undefined {
  if (grant === 'given' || grant === 'stood-down' || grant === 'taken-back') return undefined
  if (grant !== 'granted') return { grant: 'taken-back', send: 'taken-back', end: 'politely' }
  // The successor may read `own` at any later time: no message can revoke it. A shutdown ends both generations anyway.
  return { grant: 'taken-back', end: event === 'failed' ? 'at-once' : 'politely' }
}

/** How far a successor has taken the service over. It owns the service from `owner` on. */
export type Claim = 'waiting' | 'answered' | 'owner' | 'renounced'

export type ClaimEvent =
  /** The predecessor asks whether this generation can take over, and it can. */
  | 'take-over'
  /** This generation gets the service. */
  | 'own'
  /** The predecessor keeps the service. */
  | 'taken-back'
  /** The predecessor's process has ended, not only its channel. */
  | 'predecessor-ended'
  /** This generation shuts down or starts a reload: its predecessor must not serve again. */
  | 'leave'

export interface ClaimStep {
  readonly claim: Claim
  readonly send?: 'can-take-over' | 'took-over' | 'stand-down'
}

/** The step of a successor at `event`; `undefined` if the event has no effect. */
export function nextClaim(claim: Claim, event: ClaimEvent): ClaimStep | undefined {
  if (claim === 'owner' && event === 'leave') return { claim, send: 'stand-down' }
  if (claim === 'owner' || claim === 'renounced') return undefined
  switch (event) {
    case 'take-over':
      return claim === 'waiting' ? { claim: 'answered', send: 'can-take-over' } : undefined
    case 'own':
      return claim === 'answered' ? { claim: 'owner', send: 'took-over' } : undefined
    case 'predecessor-ended':
      return { claim: 'owner' }
    case 'taken-back':
    case 'leave':
      return { claim: 'renounced' }
  }
}
