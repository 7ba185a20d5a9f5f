const graceful = require('@handover/express')
const express = require('express')
const request = require('supertest')

test.each(Array.from({ length: 50 }, (_, i) => [i]))('application %i answers', async (i) => {
  const app = express()
  app.use(graceful(app))
  app.get('/', (_request, response) => response.send(`hello ${i}`))
  expect((await request(app).get('/')).text).toBe(`hello ${i}`)
})
