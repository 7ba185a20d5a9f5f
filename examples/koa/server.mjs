import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import graceful from '@handover/koa'
import Koa from 'koa'

const app = new Koa()
const handle = graceful(app)
app.use(handle)

const who = () => ({ generation: handle.generation, pid: process.pid })

async function sha256(body) {
  const hash = createHash('sha256')
  for await (const chunk of body) hash.update(chunk)
  return hash.digest('hex')
}

const routes = {
  'GET /': who,
  'GET /slow': ({ query }) => pause(Number(query.ms ?? 2000)).then(who),
  'POST /upload': ({ req }) => sha256(req),
}

app.use(async (context) => {
  context.set({ 'x-generation': String(handle.generation), 'x-pid': String(process.pid) })
  context.body = await routes[`${context.method} ${context.path}`]?.(context)
})

const server = app.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`pid ${process.pid} listens on http://localhost:${server.address().port}`)
})
