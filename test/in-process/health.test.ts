// Health responses beside the routes of each framework.
import type { HealthPaths } from '@handover/core'
import request from 'supertest'
import { describe, expect, test } from 'vitest'
import { applications, startGraceful } from './applications.js'

const facts = { state: 'ready', generation: 1 }

describe.each(Object.entries(applications))('health answers with %s', (_, start) => {
  const serve = (health: HealthPaths) => startGraceful(start, { health })

  test('liveness and readiness have their own paths, and the routes still work', async () => {
    const { server } = await serve({ liveness: '/livez', readiness: '/readyz' })
    await request(server)
      .get('/livez')
      .expect('content-type', 'application/json; charset=utf-8')
      .expect(200, { status: 'ok', ...facts })
    await request(server)
      .get('/readyz')
      .expect(200, { status: 'ready', ...facts })
    await request(server).get('/readyz/more').expect(404)
    await request(server).get('/').expect(200, 'hello')
  })

  test('after setReady(false) only readiness responds with 503', async () => {
    const { server, handle } = await serve({ liveness: '/livez', readiness: '/readyz' })
    handle.setReady(false)
    await request(server)
      .get('/readyz')
      .expect(503, { status: 'not ready', ...facts })
    await request(server).get('/livez').expect(200)
    await request(server).get('/').expect(200, 'hello')
  })

  test('a check determines the status and the body', async () => {
    const down = () => Promise.reject(new Error('no database'))
    const busy = () => ({ status: 429, body: 'too many jobs' })
    const { server } = await serve({
      liveness: { path: '/livez', check: busy },
      readiness: { path: '/readyz', check: down },
    })
    await request(server)
      .get('/readyz')
      .expect(503, { status: 'not ready', ...facts, error: 'no database' })
    await request(server)
      .get('/livez')
      .expect('content-type', 'text/plain; charset=utf-8')
      .expect(429, 'too many jobs')
  })
})

test('without the option, the health paths belong to the program', async () => {
  for (const start of Object.values(applications)) {
    const { server, handle } = await startGraceful(start)
    await request(server).get('/readyz').expect(404)
    expect((await handle.shutdown()).hookFailures).toEqual([])
  }
})
