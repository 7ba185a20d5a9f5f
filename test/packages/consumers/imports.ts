// For each `module` and `moduleResolution` of TypeScript: no top-level await, which CommonJS has not.
import http from 'node:http'
import ofCore, {
  type GracefulHandle,
  type GracefulOptions,
  graceful,
  HandoverError,
  type ReloadReport,
} from '@handover/core'
import gracefulExpress from '@handover/express'
import gracefulFastify from '@handover/fastify'
import gracefulKoa, { graceful as namedKoa } from '@handover/koa'
import gracefulSocketIo, { graceful as namedSocketIo } from '@handover/socket.io'
import gracefulSockets from '@handover/ws'
import express from 'express'
import Fastify from 'fastify'
import Koa from 'koa'
import { Server } from 'socket.io'
import { type WebSocket, WebSocketServer } from 'ws'

const options: GracefulOptions = { drainTimeoutMs: 10_000, health: { readiness: '/readyz' } }

const fastify = Fastify()
void fastify.register(gracefulFastify, options)
const state: string = fastify.graceful.state

const expressApp = express()
const ofExpress = gracefulExpress(expressApp, options)
expressApp.use(ofExpress)

const koa = new Koa()
koa.use(gracefulKoa(koa, options))
koa.use(namedKoa(koa))

const handle: GracefulHandle = graceful(http.createServer(), options)
handle.on('handed-over', (report: ReloadReport) => console.log(report.phases[0]?.ms, state))
void ofCore(http.createServer(), options).ready()
ofExpress.reload().catch((error: unknown) => {
  if (error instanceof HandoverError && error.code === 'ERR_HANDOVER_IN_PROGRESS') throw error
})

const seen = new WeakMap<WebSocket, number>()
gracefulSockets(new WebSocketServer({ noServer: true }), {
  serialize: (socket) => seen.get(socket),
  restore: (socket, count, request) => socket.send(`${count.toFixed()} ${request.url}`),
  spreadMs: 1_000,
})

const io: GracefulHandle = gracefulSocketIo(new Server(http.createServer()))
namedSocketIo(new Server(http.createServer()))
io.off('handed-over', () => {})

// @ts-expect-error: an unknown option
graceful({ drainTimeout: 1 })
