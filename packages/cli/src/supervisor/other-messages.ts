/** Messages of workers that the supervisor itself does not handle. A new message without a handler does not compile. */
export type HandledElsewhere = OfWorker | OfReload | OfRebalancer | OfControl

type OfWorker = 'serves' | 'drained'
type OfReload = 'reload-wanted' | 'reloaded' | 'reload-failed'
type OfRebalancer = 'shareable' | 'to-peer' | 'sent-to-peer' | 'shared' | 'can-accept' | 'peer-accepted'
type OfControl = 'status' | 'progress'
