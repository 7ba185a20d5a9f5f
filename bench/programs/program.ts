/** What the programs under measurement have in common: how they are told, and what they tell. */
import { writeSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'
import type { GracefulHandle, GracefulOptions } from '@handover/core'

const [port = '0', handover = '{}'] = process.argv.slice(2)

export const listen = { port: Number(port), host: '127.0.0.1' }
export const options: GracefulOptions = JSON.parse(handover)

/** One line of JSON on standard output, which all generations share. */
export function tell(event: string, facts: object): void {
  writeSync(1, `${JSON.stringify({ event, pid: process.pid, ...facts })}\n`)
}

export function tellListening(server: Server): void {
  tell('listening', { port: (server.address() as AddressInfo).port })
}

/** Tells every state of a generation, and returns its number as a header. */
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
  tell('usage', { cpuMicros: user + system, rssBytes: process.memoryUsage.rss() })
})
