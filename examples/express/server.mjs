import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import graceful from '@handover/express'
import express from 'express'

const app = express()
const handle = graceful(app)
app.use(handle)

const who = () => ({ generation: handle.generation, pid: process.pid })

app.use((_request, response, next) => {
  response.set({ 'x-generation': String(handle.generation), 'x-pid': String(process.pid) })
  next()
})

app.get('/', (_request, response) => response.json(who()))

app.get('/slow', async ({ query }, response) => {
  await pause(Number(query.ms ?? 2000))
  response.json(who())
})

app.post('/upload', async (request, response) => {
  const hash = createHash('sha256')
  for await (const chunk of request) hash.update(chunk)
  response.send(hash.digest('hex'))
})

const server = app.listen(Number(process.env.PORT ?? 3000), (error) => {
  if (error) throw error
  console.log(`pid ${process.pid} listens on http://localhost:${server.address().port}`)
})
