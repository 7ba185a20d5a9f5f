import 'reflect-metadata'
import { setTimeout as pause } from 'node:timers/promises'
import { graceful } from '@handover/core'
import { Controller, Get, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { WsAdapter } from '@nestjs/platform-ws'
import { Chat } from './chat.js'
import { News, Rooms } from './rooms.js'

@Controller()
class Who {
  @Get()
  who() {
    return { generation: handle.generation, pid: process.pid }
  }

  @Get('slow')
  async slow() {
    await pause(2000)
    return this.who()
  }
}

const usesSocketIo = process.env.SOCKETS === 'socket.io'

@Module({ controllers: [Who], providers: usesSocketIo ? [Rooms, News] : [Chat] })
class Application {}

const adapter = process.env.PLATFORM === 'fastify' ? new FastifyAdapter() : new ExpressAdapter()
const app = await NestFactory.create(Application, adapter, { logger: ['error', 'warn'] })
const handle = graceful(app.getHttpServer())
if (!usesSocketIo) app.useWebSocketAdapter(new WsAdapter(app))

await app.listen(Number(process.env.PORT ?? 3000))
console.log(`pid ${process.pid} listens on http://localhost:${app.getHttpServer().address().port}`)
