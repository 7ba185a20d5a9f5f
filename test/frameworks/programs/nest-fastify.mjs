import { graceful } from '@handover/core'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { Application } from './nest-application.mjs'
import { options, sign, tellPort } from './shared.mjs'

const app = await NestFactory.create(Application, new FastifyAdapter(), { logger: false })
const handle = graceful(app.getHttpServer(), options)
app.use((_request, response, next) => {
  sign(response, handle)
  next()
})
await app.listen(0, '127.0.0.1')
tellPort(app.getHttpServer())
