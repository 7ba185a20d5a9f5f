/**
 * Express creates an application's router at the first `app.use` or route, with the settings of that moment. If our
 * middleware came first, later settings would have no effect (test/contract/untouched.test.ts).
 */

interface Router {
  stack: { readonly handle?: unknown }[]
  caseSensitive?: boolean
  strict?: boolean
}

/** The internals of an application that this file uses. */
interface Internals {
  enabled(setting: string): boolean
  /** Only Express 4: creates `_router`. */
  lazyrouter?: (() => void) | undefined
  _router?: Router | undefined
  /** Express 5: a getter that creates the router. Express 4: a getter that throws. */
  readonly router: Router
}

/**
 * Keeps `app.use(middleware)` from fixing the router's settings. Returns a function to call when the application listens: it
 * removes the middleware, which does nothing but costs each request a step. A request in flight keeps the stack with
 * which it began.
 */
export function keepSettingsOpen(app: unknown, middleware: unknown): () => void {
  const internals = app as Internals
  const isOurs = ({ handle }: Router['stack'][number]) => handle === middleware
  return internals.lazyrouter ? inExpress4(internals, isOurs) : inExpress5(internals, isOurs)
}

type IsOurs = (layer: Router['stack'][number]) => boolean

/** Drops a router with only our layer, beside Express's own two. Express recreates it at the next use. */
function inExpress4(app: Internals, isOurs: IsOurs): () => void {
  const { lazyrouter } = app
  let calls = 0
  const restore = () => {
    if (app.lazyrouter === counting) app.lazyrouter = lazyrouter
    const stack = app._router?.stack ?? []
    if (stack.length === 3 && stack.slice(2).every(isOurs)) app._router = undefined
  }
  const counting = function (this: Internals) {
    // The first call may be that of `app.use(middleware)`.
    if (++calls > 1) restore()
    return lazyrouter?.call(this)
  }
  if (!app._router) app.lazyrouter = counting
  return () => {
    restore()
    removeLayer(app._router, isOurs)
  }
}

/** Express 5 creates its router once. At the second access, a router with only our layer gets the current settings. */
function inExpress5(app: Internals, isOurs: IsOurs): () => void {
  const own = Object.getOwnPropertyDescriptor(app, 'router')
  if (!own?.get || !own.configurable) return () => {}
  const create = own.get
  let accesses = 0
  let isRestored = false
  const get = (): Router => {
    const router = create.call(app)
    // The first access may be that of `app.use(middleware)`.
    if (++accesses > 1) restore(router)
    return router
  }
  const restore = (router: Router) => {
    if (Object.getOwnPropertyDescriptor(app, 'router')?.get === get) Object.defineProperty(app, 'router', own)
    isRestored = true
    if (router.stack.length !== 1 || !router.stack.every(isOurs)) return
    removeLayer(router, isOurs)
    router.caseSensitive = app.enabled('case sensitive routing')
    router.strict = app.enabled('strict routing')
  }
  Object.defineProperty(app, 'router', { ...own, get })
  // Otherwise the first request restores it.
  return () => isRestored && removeLayer(app.router, isOurs)
}

function removeLayer(router: Router | undefined, isOurs: IsOurs): void {
  if (router?.stack.some(isOurs)) router.stack = router.stack.filter((layer) => !isOurs(layer))
}
