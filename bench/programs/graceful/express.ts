import graceful from '@handover/express'
import express from 'express'
import { follow, listen, options, tellListening } from '../program.js'

const app = express()
const handle = graceful(app, options)
const generation = follow(handle)
app.use(handle)
app.get('/', (_request, response) => {
  response.set('x-generation', generation)
  response.send('ok')
})
const server = app.listen(listen.port, listen.host, () => tellListening(server))
