import { FastifyAdapter } from '@nestjs/platform-fastify'
import { serveNest } from './serve-nest.mjs'

await serveNest(new FastifyAdapter())
