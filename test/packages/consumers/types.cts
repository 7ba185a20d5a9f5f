import type * as esm from '@handover/core' with { 'resolution-mode': 'import' }

import core = require('@handover/core')
import graceful = require('@handover/express')

import { type GracefulHandle, graceful as named } from '@handover/express'

import plugin = require('@handover/fastify')
import koa = require('@handover/koa')
import socketIo = require('@handover/socket.io')
import sockets = require('@handover/ws')
import express = require('express')
import fastify = require('fastify')
import Koa = require('koa')
import socket_io = require('socket.io')
import ws = require('ws')

// packages/core/src/index.d.cts declares every value that index.ts exports.
export const every: { [name in keyof typeof esm]: unknown } = core

const app = express()
const handle: GracefulHandle = graceful(app)
app.use(graceful(app)).use(named(app))

const fastifyApp = fastify.fastify()
fastifyApp.register(plugin, { probationMs: 0 })
fastifyApp.register(plugin.graceful)

const koaApp = new Koa()
koaApp.use(koa(koaApp)).use(koa.graceful(koaApp))

const wss = new ws.WebSocketServer({ noServer: true })
sockets.graceful(wss, {
  serialize: async () => ({ user: 'name' }),
  restore: (_socket, { user }) => user.length,
})

const io = new socket_io.Server()
socketIo(io, { moved: (socket) => console.log(socket.id) })
socketIo.graceful(io)

const options: core.GracefulOptions = { ready: 'manual' }
const ofCore: GracefulHandle = core.default(options)
ofCore.ready().then(() => core.graceful())
handle.reload().catch((error: unknown) => console.log(error instanceof core.HandoverError))
