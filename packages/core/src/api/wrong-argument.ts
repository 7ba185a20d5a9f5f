/** The errors for an argument that `graceful` cannot use: they name the argument and the right call. */
import { IncomingMessage } from 'node:http'
import net from 'node:net'
import { inspect } from 'node:util'
import { HandoverError } from '../base/errors.js'

/** A framework that has an adapter. */
export type Framework = 'Fastify' | 'Express' | 'Koa'

const calls: Readonly<Record<Framework, string>> = {
  Fastify: 'await app.register(graceful)',
  Express: 'app.use(graceful(app))',
  Koa: 'app.use(graceful(app))',
}
const packageOf = (framework: Framework) => `@handover/${framework.toLowerCase()}`

interface Argument {
  readonly what: string
  /** The right call, as a sentence; missing for an unknown argument. */
  readonly remedy?: string
}

/** For core: the error for a `value` that is not a server. */
export function notAServer(value: unknown): HandoverError {
  const { what, remedy } = describe(value)
  const packages =
    'For an application, use @handover/fastify, @handover/express or @handover/koa, or pass its server.'
  return new HandoverError(
    'ERR_HANDOVER_NOT_A_SERVER',
    `graceful(server) expects a server of node:net, http, https or http2, but got ${what}. ${remedy ?? packages} ` +
      'Nothing was changed.',
  )
}

/** For adapters: the error for a `value` that is not an application of the framework. */
export function notAnApplication(framework: Framework, value: unknown): HandoverError {
  const { what, remedy } = describeForAdapter(framework, value)
  const expected =
    framework === 'Fastify'
      ? 'is a plugin for app.register, but the program called it with'
      : `expects ${framework === 'Express' ? 'an Express' : 'a Koa'} application, but got`
  return new HandoverError(
    'ERR_HANDOVER_NOT_AN_APP',
    `graceful from ${packageOf(framework)} ${expected} ${what}. ` +
      `${remedy ?? 'For a server, use graceful(server) from @handover/core.'} Nothing was changed.`,
  )
}

function describeForAdapter(framework: Framework, value: unknown): Argument {
  const call = calls[framework]
  if (value === undefined) return { what: 'no argument', remedy: `Write ${call}.` }
  if (isRequest(value)) return { what: 'a request', remedy: `Write ${call}, not app.use(graceful).` }
  return describe(value)
}

function describe(value: unknown): Argument {
  if (typeof value === 'function') {
    const isExpress = 'handle' in value && 'set' in value
    return isExpress ? application('Express') : { what: `the function ${value.name || '(anonymous)'}` }
  }
  if (typeof value !== 'object' || value === null) return { what: inspect(value) }
  if (value instanceof net.Server) return { what: 'a server' }
  if ('register' in value && 'inject' in value) return application('Fastify')
  if ('getHttpServer' in value)
    return {
      what: 'a NestJS application',
      remedy: 'Write graceful(app.getHttpServer()) with graceful from @handover/core.',
    }
  return 'callback' in value ? application('Koa') : { what: 'an object of another kind' }
}

function application(framework: Framework): Argument {
  const names = { Fastify: 'a Fastify instance', Express: 'an Express application', Koa: 'a Koa application' }
  return {
    what: names[framework],
    remedy: `Write ${calls[framework]} with graceful from ${packageOf(framework)}.`,
  }
}

/** Express calls a middleware with a request, Koa with a context that has one. */
const isRequest = (value: unknown): boolean =>
  value instanceof IncomingMessage || (value as { req?: unknown } | null)?.req instanceof IncomingMessage
