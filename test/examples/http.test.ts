import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { keepAlive, mixedLoad, newConnections, slowRequests, Tally, uploads } from '@handover/load'
import { describe, expect, test } from 'vitest'
import { commandsOf, examples, startExample } from '../support/examples.js'
import { until } from '../support/until.js'

/** Examples without a package.json are files for operators: `test/system` runs them. */
const everyExample = readdirSync(examples).filter((name) =>
  existsSync(new URL(`${name}/package.json`, examples)),
)
const httpExamples = ['express', 'fastify', 'http', 'koa']
/** `test/frameworks` starts these with the commands of their READMEs. */
const frameworks = ['fastify-cli', 'graphql-yoga', 'hono', 'nestjs', 'nextjs']
const answer = /^\{("release":"1\.0\.0",)?"generation":\d+,"pid":\d+\}$/

test('each framework, node:http, raw TCP, WebSockets, Socket.IO and metrics have an example', () => {
  expect(everyExample.sort()).toEqual(
    [...httpExamples, ...frameworks, 'metrics', 'socket.io', 'tcp-ping-pong', 'websocket'].sort(),
  )
})

describe.each(everyExample)('%s', (example) => {
  test('each program has at most 40 lines', () => {
    const folder = new URL(`${example}/`, examples)
    const programs = readdirSync(folder).filter((name) => /\.m?[jt]s$/.test(name))
    expect(programs).not.toEqual([])
    for (const program of programs) {
      expect(readFileSync(new URL(program, folder), 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(
        40,
      )
    }
  })

  test('the README shows how to start, reload and stop the example', () => {
    const [start = [], ...others] = commandsOf(example)
    expect(start.at(-1)).toMatch(/^(node (--import \S+ )?\S+|npx fastify start .+)$/)
    expect(start.slice(0, -1)).toEqual(example === 'nextjs' ? ['npm install', 'npx next build'] : [])
    expect(others.flat()).toEqual(expect.arrayContaining(['kill -HUP <pid>', 'kill -TERM <pid>']))
  })
})

test.each(httpExamples)(
  '%s: no request fails through three reloads under load and a stop',
  async (example) => {
    const service = await startExample(example)
    const tally = new Tally()
    const stop = new AbortController()
    const load = mixedLoad(service.target, {
      tally,
      signal: stop.signal,
      workloads: [
        newConnections({ clients: 2, answer }),
        keepAlive({ clients: 2, answer }),
        keepAlive({ clients: 10, answer, think: { minMs: 0, maxMs: 200 } }),
        slowRequests({ clients: 3, ms: 500, answer }),
        uploads({ clients: 2, bytes: 1024 * 1024, overMs: 500 }),
      ],
    })
    await until('generation 1 serves', () => tally.servedBy.has(1))
    for (const generation of [2, 3, 4]) {
      const { from, to } = await service.reload()
      expect(to.generation).toBe(generation)
      await until(`generation ${generation} serves`, () => tally.servedBy.has(generation))
      await service.exitOf(from.pid)
    }
    stop.abort()
    const { failures, servedBy, workloads } = await load
    expect(failures).toEqual([])
    expect([...servedBy.keys()]).toEqual([1, 2, 3, 4])
    expect(workloads.size).toBe(5)

    const { pid } = service.serving
    service.signal('SIGTERM')
    await service.exitOf(pid)
    expect(service.processes()).toEqual([])
  },
)
