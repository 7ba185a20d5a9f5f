import core = require('@handover/core')
import graceful = require('@handover/express')

import { type GracefulHandle, graceful as named } from '@handover/express'

import plugin = require('@handover/fastify')
import koa = require('@handover/koa')
import express = require('express')
import fastify = require('fastify')
import Koa = require('koa')

const app = express()
const handle: GracefulHandle = graceful(app)
app.use(graceful(app)).use(named(app))

const fastifyApp = fastify.fastify()
fastifyApp.register(plugin, { probationMs: 0 })
fastifyApp.register(plugin.graceful)

const koaApp = new Koa()
koaApp.use(koa(koaApp)).use(koa.graceful(koaApp))

handle.reload().catch((error: unknown) => console.log(error instanceof core.HandoverError))
