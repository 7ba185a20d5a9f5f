// One small application per framework. Its server runs in the test process, with or without the adapter.
import { once } from 'node:events'
import http, { type RequestListener } from 'node:http'
import { type GracefulHandle, type GracefulOptions, graceful } from '@handover/core'
import expressAdapter from '@handover/express'
import fastifyAdapter from '@handover/fastify'
import koaAdapter from '@handover/koa'
import express from 'express'
import Fastify from 'fastify'
import type Koa from 'koa'
import { onTestFinished } from 'vitest'

export interface Serving {
  readonly server: http.Server
  /** Absent without the adapter. */
  readonly handle: GracefulHandle | undefined
}

/** Starts the application. Without options it does not use the adapter. */
type Start = (options?: GracefulOptions) => Promise<Serving>

async function startExpress(name: string, options?: GracefulOptions): Promise<Serving> {
  const { default: create }: { default: typeof express } = await import(name)
  const app = create()
  const handle = options && expressAdapter(app, options)
  if (handle) app.use(handle)
  app.use(express.json())
  app.get('/', (_request, response) => void response.set('x-test', 'yes').send('hello'))
  app.post('/echo', (request, response) => void response.status(201).json(request.body))
  app.get('/fails', () => {
    throw Object.assign(new Error('no tea'), { status: 418, expose: true, stack: '' })
  })
  return listen(app, handle)
}

async function startKoa(name: string, options?: GracefulOptions): Promise<Serving> {
  const { default: Create }: { default: typeof Koa } = await import(name)
  const app = new Create()
  const handle = options && koaAdapter(app, options)
  if (handle) app.use(handle)
  app.silent = true
  app.use(async (context) => {
    if (context.path === '/') {
      context.set('x-test', 'yes')
      context.body = 'hello'
    }
    if (context.path === '/echo') {
      context.status = 201
      context.body = JSON.parse(await textOf(context.req))
    }
    if (context.path === '/fails') context.throw(418, 'no tea')
  })
  return listen(app.callback(), handle)
}

async function startFastify(options?: GracefulOptions): Promise<Serving> {
  const app = Fastify()
  onTestFinished(() => app.close())
  if (options) await app.register(fastifyAdapter, options)
  app.get('/', (_request, reply) => reply.header('x-test', 'yes').send('hello'))
  app.post('/echo', (request, reply) => reply.code(201).send(request.body))
  app.get('/fails', () => {
    throw Object.assign(new Error('no tea'), { statusCode: 418 })
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { server: app.server, handle: options && app.graceful }
}

async function startHttp(options?: GracefulOptions): Promise<Serving> {
  const server = http.createServer(async (request, response) => {
    if (request.url === '/') return response.setHeader('x-test', 'yes').end('hello')
    if (request.url === '/echo') return response.writeHead(201).end(await textOf(request))
    response.writeHead(request.url === '/fails' ? 418 : 404).end()
  })
  return listen(server, options && graceful(server, options))
}

/** The applications by the name of their framework. */
export const applications: Readonly<Record<string, Start>> = {
  'Express 5': (options) => startExpress('express', options),
  'Express 4.18': (options) => startExpress('express-4', options),
  'Koa 3': (options) => startKoa('koa', options),
  'Koa 2': (options) => startKoa('koa-2', options),
  'Fastify 5': startFastify,
  'node:http': startHttp,
}

/** Starts an application with the adapter and shuts it down after the test. */
export async function startGraceful(start: Start, options: GracefulOptions = {}) {
  const { server, handle } = await start({ exit: false, logger: false, lingerMs: 0, ...options })
  if (!handle) throw new Error('the application runs without the adapter')
  onTestFinished(async () => void (await handle.shutdown()))
  await handle.ready()
  return { server, handle }
}

async function listen(listener: RequestListener | http.Server, handle?: GracefulHandle): Promise<Serving> {
  const server = listener instanceof http.Server ? listener : http.createServer(listener)
  server.listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return { server, handle }
}

async function textOf(request: http.IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}
