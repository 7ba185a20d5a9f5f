// The types of dist/index.bundle.cjs.
import type * as esm from './index.js' with { 'resolution-mode': 'import' }

declare const graceful: typeof esm.graceful
declare namespace graceful {
  export type ExpressApplication = esm.ExpressApplication
  export type GracefulHandle = esm.GracefulHandle
  export type GracefulOptions = esm.GracefulOptions
  export type Middleware = esm.Middleware
}
export = graceful
