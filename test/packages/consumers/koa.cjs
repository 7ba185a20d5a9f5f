const { graceful } = require('@handover/koa')
const Koa = require('koa')

const app = new Koa()
const handle = graceful(app)
app.use(handle)
app.use((context) => {
  context.body = `generation ${handle.generation}`
})
app.listen(0, '127.0.0.1')
