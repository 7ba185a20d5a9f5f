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

/** The internals of an application that this file uses. */
interface Inside {
  enabled(setting: string): boolean
  /** Only Express 4: creates `_router`. */
  lazyrouter?: (() => void) | undefined
  _router?: Router | undefined
  /** Express 5: a getter that creates the router. Express 4: a getter that throws. */
  readonly router: Router
}

/**
 * Prevents that `app.use(middleware)` creates the router. Returns a function to call when the application listens. It
 * removes the middleware, which does nothing but would cost each request a step. A request in flight continues in the
 * stack with which it began.
 */
export function keepRouterUnmade(app: unknown, middleware: unknown): () => void {
  const inside = app as Inside
  const isOurs = ({ handle }: Router['stack'][number]) => handle === middleware
  return inside.lazyrouter ? inExpress4(inside, isOurs) : inExpress5(inside, isOurs)
}

type IsOurs = (layer: Router['stack'][number]) => boolean

/** The first two layers of its router are Express's own. Drops a router with only our layer; the next use recreates it. */
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

/** Express creates its router once. At the second access without another layer, it gets the current settings. */
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
