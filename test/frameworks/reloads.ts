// Starts a framework with the command of its README, and reloads it under load.
import { keepAlive, newConnections, Tally } from '@handover/load'
import { expect } from 'vitest'
import { commandsOf, examples, readExampleLine } from '../support/examples.js'
import { isReady } from '../support/generations.js'
import { connect } from '../support/http.js'
import { underLoad } from '../support/load.js'
import { askOn } from '../support/resting.js'
import { launchService, type Service } from '../support/service.js'
import { until } from '../support/until.js'
import type { Framework } from './frameworks.js'

const preload = new URL('preload.mjs', import.meta.url).pathname
/** The command after variables and `npx`: options of Node, the program, its arguments. */
const syntax = /^((?:\w+=\S+ )*)(?:node|npx (?=fastify)) ?((?:--import \S+ )*)(\S+)(.*)$/

export async function start({ example, command }: Framework, env: Record<string, string> = {}) {
  expect(commandsOf(example).flat()).toContain(command)
  const [, variables = '', options = '', program = '', args = ''] = syntax.exec(command) ?? []
  const folder = new URL(`${example}/`, examples)
  const file = program === 'fastify' ? 'node_modules/fastify-cli/cli.js' : program
  const service = launchService(new URL(file, folder).href, {
    execArgv: [...words(options), '--import', preload],
    args: words(args),
    cwd: folder.pathname,
    env: { PORT: '0', ...Object.fromEntries(words(variables).map((each) => each.split('='))), ...env },
    readLine: readExampleLine,
  })
  await Promise.all([service.event('listening'), service.event(isReady)])
  return service
}

/** Stops the serving generation and expects exit code 0. */
export async function stop(service: Service): Promise<void> {
  const { pid } = service.serving
  service.signal('SIGTERM', pid)
  await service.exitOf(pid)
  await service.line(new RegExp(`^pid ${pid} exits with code 0$`))
}

/** Expects that two reloads under load fail no request and move every idle connection. */
export async function reloadTwice(framework: Framework): Promise<void> {
  const { path = '/', answer } = framework
  const service = await start(framework)
  const idle = await Promise.all(Array.from({ length: 10 }, () => connect(service.target)))
  const generations = () => Promise.all(idle.map((connection) => askOn(connection, path)))
  expect(await generations()).toEqual(Array(10).fill(1))

  const workloads = [
    newConnections({ clients: 1, path, answer }),
    keepAlive({ clients: 4, think: { minMs: 0, maxMs: 20 }, path, answer }),
  ]
  const tally = new Tally()
  const isServedBy = (generation: number) =>
    until(`generation ${generation} serves`, () => tally.servedBy.has(generation))
  const { failures } = await underLoad(
    service.target,
    async () => {
      await isServedBy(1)
      for (const _reload of [1, 2]) {
        const { from } = await service.reload()
        await service.exitOf(from.pid)
      }
      expect(await generations()).toEqual(Array(10).fill(3))
      await isServedBy(3)
    },
    workloads,
    tally,
  )
  expect(failures).toEqual([])
  await stop(service)
}

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '')
