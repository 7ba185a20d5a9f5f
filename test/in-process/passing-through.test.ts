// Requests pass through the adapters unchanged.
import type { Server } from 'node:http'
import graceful from '@handover/express'
import fastifyAdapter from '@handover/fastify'
import koaAdapter from '@handover/koa'
import express from 'express'
import Fastify from 'fastify'
import Koa from 'koa'
import request, { type Test } from 'supertest'
import { expect, onTestFinished, test } from 'vitest'
import { applications, startGraceful } from './applications.js'

const options = { exit: false, logger: false, lingerMs: 0 } as const

const requests: Readonly<Record<string, (server: Server) => Test>> = {
  'GET with a header in the response': (server) => request(server).get('/'),
  'POST with a body': (server) => request(server).post('/echo').send({ name: 'handover' }),
  HEAD: (server) => request(server).head('/'),
  'a handler that fails': (server) => request(server).get('/fails'),
  'a path without a route': (server) => request(server).get('/none'),
}

/** The responses to all requests, without the headers that always change. */
async function responsesOf(server: Server) {
  const responses: Record<string, unknown> = {}
  for (const [name, send] of Object.entries(requests)) {
    const { status, text, headers } = await send(server)
    const { date: _, ...same } = headers
    responses[name] = { status, text, headers: same }
  }
  return responses
}

test.each(Object.entries(applications))(
  'C69: the responses of %s are the same with and without the adapter',
  async (_, start) => {
    const without = await responsesOf((await start()).server)
    expect(without).toMatchObject({
      'GET with a header in the response': { status: 200, text: 'hello', headers: { 'x-test': 'yes' } },
      'POST with a body': { status: 201, text: '{"name":"handover"}' },
      'a handler that fails': { status: 418 },
      'a path without a route': { status: 404 },
    })
    const { server } = await startGraceful(start)
    expect(await responsesOf(server)).toEqual(without)
  },
)

test('the Express middleware passes requests on in a mounted application', async () => {
  const app = express()
  const handle = graceful(app, options)
  onTestFinished(async () => void (await handle.shutdown()))
  // Not the first layer: the adapter would remove its middleware from there.
  app.use(express.json(), handle)
  app.get('/', (_request, response) => void response.send('hello'))
  await request(express().use('/mounted', app)).get('/mounted').expect(200, 'hello')
})

test('the Koa middleware passes requests on and awaits the next middleware', async () => {
  const handle = koaAdapter(new Koa(), options)
  onTestFinished(async () => void (await handle.shutdown()))
  const app = new Koa()
  app.use(async (context, next) => {
    await next()
    context.body = `${context.body}, world`
  })
  app.use(handle)
  app.use(async (context) => {
    await new Promise(setImmediate)
    context.body = 'hello'
  })
  await request(app.callback()).get('/').expect(200, 'hello, world')
})

test("Fastify's inject() works before and after listen", async () => {
  const app = Fastify()
  onTestFinished(() => app.close())
  await app.register(fastifyAdapter, options)
  app.get('/', async () => ({ state: app.graceful.state }))
  expect((await app.inject('/')).json()).toEqual({ state: 'starting' })
  await app.listen({ port: 0, host: '127.0.0.1' })
  await app.graceful.ready()
  expect((await app.inject('/')).json()).toEqual({ state: 'ready' })
  await request(app.server).get('/').expect(200, { state: 'ready' })
})
