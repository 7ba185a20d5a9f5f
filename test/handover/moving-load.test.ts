// Many connections move through many reloads.
import { keepAlive } from '@handover/load'
import { expect, test } from 'vitest'
import { underLoad } from '../support/load.js'
import { finalReports } from '../support/reports.js'
import { callAll, openConnections } from '../support/resting.js'
import { startService } from '../support/service.js'

const graceful = { probationMs: 50 }

/** A few turns of two event loops on a busy machine. */
const waitMs = 5_000

test.each([200, 1_000, 10_000])(
  'C37: the successor answers %i connections that were silent during a reload, five times in a row',
  { timeout: 180_000 },
  async (count) => {
    // Longer than the test takes on a slow machine: a server closes connections that are idle for longer.
    const service = await startService('http.mjs', {
      config: { graceful, server: { keepAliveTimeout: 120_000 } },
    })
    const connections = await openConnections(service.target, count)
    expect(await callAll(connections)).toEqual({ servedBy: new Map([[1, count]]), failures: [] })
    for (let generation = 2; generation <= 6; generation++) {
      await service.reload()
      const drain = (await finalReports(service, generation - 1)).at(-1)?.drain
      expect(drain).toMatchObject({ closed: 0, lost: 0, cut: [], open: count, moved: count })
      // No connection waits for long: its process serves it until it moves, however many connections there are.
      expect(drain?.longestWaitMs).toBeLessThan(waitMs)
      expect(await callAll(connections)).toEqual({ servedBy: new Map([[generation, count]]), failures: [] })
    }
    for (const connection of connections) connection.close()
  },
)

test.each([
  { clients: 64, think: { minMs: 0, maxMs: 40 } },
  { clients: 2_000, think: { minMs: 0, maxMs: 1_000 } },
])(
  'C36: $clients keep-alive clients that pause between requests keep their connection through 20 reloads',
  { timeout: 180_000 },
  async (load) => {
    const service = await startService('http.mjs', {
      config: {
        // The limit is not under test: on a busy machine, each batch of 32 connections waits for both event loops.
        graceful: { ...graceful, drainTimeoutMs: 120_000 },
        // All clients connect at once. The kernel drops connections beyond the backlog (Node: 511) and resets them later.
        listen: { port: 0, host: '127.0.0.1', backlog: 4_096 },
        server: { keepAliveTimeout: 60_000 },
      },
    })
    const result = await underLoad(service.target, async () => {
      for (let i = 0; i < 20; i++) await service.reload()
    }, [keepAlive(load)])
    expect(result.failures).toEqual([])
    expect(result).toMatchObject({ connectionsOpened: load.clients, closedByAnswer: 0 })
  },
)
