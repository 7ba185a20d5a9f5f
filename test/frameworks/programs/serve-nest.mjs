// Serves the application of NestJS on the platform of the given adapter.
import { graceful } from '@handover/core'
import { NestFactory } from '@nestjs/core'
import { Application } from './nest-application.mjs'
import { options, sign, tellPort } from './shared.mjs'

export async function serveNest(adapter) {
  const app = await NestFactory.create(Application, adapter, { logger: false })
  const handle = graceful(app.getHttpServer(), options)
  app.use((_request, response, next) => {
    sign(response, handle)
    next()
  })
  await app.listen(0, '127.0.0.1')
  tellPort(app.getHttpServer())
}
