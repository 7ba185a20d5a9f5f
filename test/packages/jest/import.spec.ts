// babel-jest compiles these imports to `require`.
import ofCore, { HandoverError, graceful as namedCore } from '@handover/core'
import ofExpress, { graceful as namedExpress } from '@handover/express'
import ofFastify, { graceful as namedFastify } from '@handover/fastify'
import ofKoa, { graceful as namedKoa } from '@handover/koa'
import ofSocketIo, { graceful as namedSocketIo } from '@handover/socket.io'
import ofSockets, { graceful as namedSockets } from '@handover/ws'
import express from 'express'
import request from 'supertest'

test('default and named imports are the same function', () => {
  const defaults: unknown[] = [ofCore, ofExpress, ofFastify, ofKoa, ofSockets, ofSocketIo]
  expect(defaults).toEqual([namedCore, namedExpress, namedFastify, namedKoa, namedSockets, namedSocketIo])
  for (const each of defaults) expect(typeof each).toBe('function')
  // What compiled code uses without `esModuleInterop`.
  for (const each of defaults.slice(1)) expect((each as { default: unknown }).default).toBe(each)
})

test('the application answers', async () => {
  const app = express()
  app.use(ofExpress(app))
  app.get('/', (_request, response) => void response.send('hello'))
  expect((await request(app).get('/')).text).toBe('hello')
})

test('an adapter throws the HandoverError of core', () => {
  expect(() => ofExpress({} as never)).toThrow(HandoverError)
})
