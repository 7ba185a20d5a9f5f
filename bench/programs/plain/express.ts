import express from 'express'
import { listen, tellListening } from '../program.js'

const app = express()
app.get('/', (_request, response) => {
  response.set('x-generation', '1')
  response.send('ok')
})
const server = app.listen(listen.port, listen.host, () => tellListening(server))
