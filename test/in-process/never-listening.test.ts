// Programs that test their own application with supertest, inject() or no request at all. None of them calls listen.
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { testNode } from '../support/service.js'

const { resolve } = createRequire(import.meta.url)
const urlOf = (name: string) => JSON.stringify(pathToFileURL(resolve(name)).href)

/** Runs a program and waits for its exit. A process that keeps running fails the test. */
async function run(text: string) {
  const program = `import request from ${urlOf('supertest')}\n${text}`
  const { stdout, stderr } = await promisify(execFile)(testNode, ['--input-type=module', '--eval', program], {
    timeout: 60_000,
    killSignal: 'SIGKILL',
  })
  return { stdout, errors: stderr.replace(/^handover\[\d+\] generation 1 is ready\n/gm, '') }
}

const tested = { stdout: 'hello hello starting\n', errors: '' }
const express = (name: string) => `
  import express from ${urlOf(name)}
  import { graceful } from ${urlOf('@handover/express')}
  const app = express()
  const handle = graceful(app)
  app.use(handle)
  app.get('/', (_request, response) => response.send('hello'))`
const koa = (name: string) => `
  import Koa from ${urlOf(name)}
  import { graceful } from ${urlOf('@handover/koa')}
  const app = new Koa()
  const handle = graceful(app)
  app.use(handle)
  app.use((context) => { context.body = 'hello' })`
const fastify = `
  import Fastify from ${urlOf('fastify')}
  import { graceful } from ${urlOf('@handover/fastify')}
  const app = Fastify()
  await app.register(graceful)
  app.get('/', async () => 'hello')`

const programs = {
  'Express 5': [express('express'), 'app'],
  'Express 4.18': [express('express-4'), 'app'],
  'Koa 3': [koa('koa'), 'app.callback()'],
  'Koa 2': [koa('koa-2'), 'app.callback()'],
} as const

test.each(Object.entries(programs))(
  'a program that tests its %s application with supertest exits by itself without an error',
  async (_, [application, target]) => {
    const { stdout, errors } = await run(`${application}
      const first = handle.state
      const { text } = await request(${target}).get('/')
      const again = await request(${target}).get('/')
      console.log(text, again.text, first)`)
    expect({ stdout, errors }).toEqual(tested)
  },
)

test('a program that tests its Fastify application with inject() exits by itself without an error or a log line', async () => {
  const { stdout, errors } = await run(`${fastify}
    const { body } = await app.inject('/')
    const again = await app.inject('/')
    console.log(body, again.body, app.graceful.state, process.listenerCount('SIGTERM'))`)
  expect({ stdout, errors }).toEqual({ stdout: 'hello hello starting 0\n', errors: '' })
})

test('a program that tests its Fastify application with supertest exits by itself without an error', async () => {
  const { stdout, errors } = await run(`${fastify}
    await app.ready()
    const state = app.graceful.state
    const { text } = await request(app.server).get('/')
    const again = await request(app.server).get('/')
    console.log(text, again.text, state)
    await app.close()`)
  expect({ stdout, errors }).toEqual(tested)
})

test.each([
  ['Express 5', express('express')],
  ['Koa 3', koa('koa')],
  ['Fastify 5', fastify],
])('a program with %s that never serves exits by itself without an error', async (_, application) => {
  expect(await run(application)).toEqual({ stdout: '', errors: '' })
})
