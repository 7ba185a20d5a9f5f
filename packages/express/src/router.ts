/**
 * Express makes the router of an application, with the settings of that moment, at the first `app.use` or route.
 * Our middleware must not be that first one: settings made after it would have no effect
 * (test/contract/untouched.test.ts).
 */

interface Router {
  stack: { readonly handle?: unknown }[]
  caseSensitive?: boolean
  strict?: boolean
}

/** What is needed of the inside of an application. */
interface Inside {
  enabled(setting: string): boolean
  /** Express 4 alone: makes `_router`. */
  lazyrouter?: (() => void) | undefined
  _router?: Router | undefined
  /** Express 5: a getter that makes it. In Express 4 it throws. */
  readonly router: Router
}

/**
 * Undoes that `app.use(middleware)` makes the router. Returns what to call when the application listens: it takes the
 * middleware out, since each one is a step more for each request, and this one has nothing to do. A request that is on
 * its way through the stack continues in the one that it has begun with.
 */
export function keepRouterUnmade(app: unknown, middleware: unknown): () => void {
  const inside = app as Inside
  const isOurs = ({ handle }: Router['stack'][number]) => handle === middleware
  return inside.lazyrouter ? inExpress4(inside, isOurs) : inExpress5(inside, isOurs)
}

type IsOurs = (layer: Router['stack'][number]) => boolean

/** The first two layers of its router are Express's own. Without ours it is made again, by whoever comes next. */
function inExpress4(app: Inside, isOurs: IsOurs): () => void {
  const { lazyrouter } = app
  let calls = 0
  const settle = () => {
    if (app.lazyrouter === counting) app.lazyrouter = lazyrouter
    const stack = app._router?.stack ?? []
    if (stack.length === 3 && stack.slice(2).every(isOurs)) app._router = undefined
  }
  const counting = function (this: Inside) {
    // The first call may be that of `app.use(middleware)`.
    if (++calls > 1) settle()
    return lazyrouter?.call(this)
  }
  if (!app._router) app.lazyrouter = counting
  return () => {
    settle()
    takeOut(app._router, isOurs)
  }
}

/** Its router is made once. When it is asked for the second time and has no other layer, it gets the settings of then. */
function inExpress5(app: Inside, isOurs: IsOurs): () => void {
  const own = Object.getOwnPropertyDescriptor(app, 'router')
  if (!own?.get || !own.configurable) return () => {}
  const make = own.get
  let asked = 0
  let isSettled = false
  const get = (): Router => {
    const router = make.call(app)
    // The first time may be that of `app.use(middleware)`.
    if (++asked > 1) settle(router)
    return router
  }
  const settle = (router: Router) => {
    if (Object.getOwnPropertyDescriptor(app, 'router')?.get === get) Object.defineProperty(app, 'router', own)
    isSettled = true
    if (router.stack.length !== 1 || !router.stack.every(isOurs)) return
    takeOut(router, isOurs)
    router.caseSensitive = app.enabled('case sensitive routing')
    router.strict = app.enabled('strict routing')
  }
  Object.defineProperty(app, 'router', { ...own, get })
  // Otherwise the first request settles it.
  return () => isSettled && takeOut(app.router, isOurs)
}

function takeOut(router: Router | undefined, isOurs: IsOurs): void {
  if (router?.stack.some(isOurs)) router.stack = router.stack.filter((layer) => !isOurs(layer))
}
