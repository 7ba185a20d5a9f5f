const assert = require('node:assert/strict')
const core = require('@handover/core')
const graceful = require('@handover/express')
const fastify = require('@handover/fastify')
const koa = require('@handover/koa')
const express = require('express')

for (const each of [graceful, fastify, koa]) {
  assert.equal(typeof each, 'function')
  assert.equal(typeof each.graceful, 'function')
}
assert.equal(typeof core.graceful, 'function')
assert.equal(core.default, core.graceful)
assert.equal(typeof core.HandoverError, 'function')

// One copy: `require` gets the ES module, too.
import('@handover/express').then((esm) => assert.equal(esm.default, graceful))
import('@handover/core').then((esm) => assert.equal(esm.HandoverError, core.HandoverError))

const app = express()
const handle = graceful(app)
app.use(handle)
app.get('/', (_request, response) => response.send(`generation ${handle.generation}`))
app.listen(0, '127.0.0.1')
