import assert from 'node:assert/strict'
import core, { defaults, HandoverError, graceful as ofCore } from '@handover/core'
import express, { graceful as namedExpress } from '@handover/express'
import graceful, { graceful as named } from '@handover/fastify'
import koa, { graceful as namedKoa } from '@handover/koa'
import Fastify from 'fastify'

assert.equal(graceful, named)
assert.equal(express, namedExpress)
assert.equal(koa, namedKoa)
assert.equal(core, ofCore)
assert.equal(typeof ofCore, 'function')
assert.equal(typeof HandoverError, 'function')
assert.ok(Object.isFrozen(defaults))

const app = Fastify()
await app.register(graceful)
app.get('/', async () => `generation ${app.graceful.generation}`)
await app.listen({ port: 0, host: '127.0.0.1' })
