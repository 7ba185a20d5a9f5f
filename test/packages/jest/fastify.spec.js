const graceful = require('@handover/fastify')
const Fastify = require('fastify')
const request = require('supertest')

// Not `app.inject`: Jest cannot load the version of `cookie` that Fastify 5 needs for it.
test('the application answers', async () => {
  const app = Fastify()
  await app.register(graceful)
  app.get('/', async () => 'hello')
  await app.ready()
  expect((await request(app.server).get('/')).text).toBe('hello')
  await app.close()
})
