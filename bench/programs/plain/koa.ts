import Koa from 'koa'
import { listen, tellListening } from '../program.js'

const app = new Koa()
app.use((context) => {
  context.set('x-generation', '1')
  context.body = 'ok'
})
const server = app.listen(listen, () => tellListening(server))
