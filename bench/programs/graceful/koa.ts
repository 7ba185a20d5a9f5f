import graceful from '@handover/koa'
import Koa from 'koa'
import { follow, listen, options, tellListening } from '../program.js'

const app = new Koa()
const handle = graceful(app, options)
const generation = follow(handle)
app.use(handle)
app.use((context) => {
  context.set('x-generation', generation)
  context.body = 'ok'
})
const server = app.listen(listen, () => tellListening(server))
