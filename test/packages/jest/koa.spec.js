const { graceful } = require('@handover/koa')
const Koa = require('koa')
const request = require('supertest')

test('the application answers', async () => {
  const app = new Koa()
  app.use(graceful(app))
  app.use((context) => {
    context.body = 'hello'
  })
  expect((await request(app.callback()).get('/')).text).toBe('hello')
})
