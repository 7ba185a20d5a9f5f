import { ExpressAdapter } from '@nestjs/platform-express'
import { serveNest } from './serve-nest.mjs'

await serveNest(new ExpressAdapter())
