/** Code that all measured programs share: they read options from arguments and report facts on standard output. */
import { writeSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'
import type { GracefulHandle, GracefulOptions } from '@handover/core'

const [port = '0', handover = '{}'] = process.argv.slice(2)

export const listen = { port: Number(port), host: '127.0.0.1' }
export const options: GracefulOptions = JSON.parse(handover)

/** Writes a line of JSON to standard output, which all generations share. */
export function tell(event: string, facts: object): void {
  writeSync(1, `${JSON.stringify({ event, pid: process.pid, ...facts })}\n`)
}

export function tellListening(server: Server): void {
  tell('listening', { port: (server.address() as AddressInfo).port })
}

/** Reports every state of a generation and returns its number for a header. */
export function follow(handle: GracefulHandle): string {
  handle.on('state', ({ state, onProbation, generation }) => {
    tell('state', { state, onProbation: onProbation === true, generation })
  })
  handle.on('report', ({ drain: { ms, moved, closed, lost, longestWaitMs } }) => {
    tell('drained', { generation: handle.generation, ms, moved, closed, lost, longestWaitMs })
  })
  return String(handle.generation)
}

process.on('SIGUSR2', () => {
  const { user, system } = process.cpuUsage()
  const rssBytes = process.memoryUsage.rss()
  tell('usage', { cpuMicros: user + system, rssBytes, youngBytes: youngBytes() })
})

/** The memory of V8's young generation. V8 doubles it after enough objects have survived a collection. */
function youngBytes(): number {
  const spaces = process.getBuiltinModule('node:v8').getHeapSpaceStatistics()
  return spaces.find(({ space_name }) => space_name === 'new_space')?.physical_space_size ?? 0
}
