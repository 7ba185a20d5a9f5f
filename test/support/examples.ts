// Starts the examples as their READMEs say.
import { readFileSync } from 'node:fs'
import { isReady } from './generations.js'
import { launchService, type Service } from './service.js'
import type { ReadLine } from './story.js'

export const examples = new URL('../../examples/', import.meta.url)

/** The commands in a README without comments: one list for each code block. */
export function commandsOf(example: string): string[][] {
  const text = readFileSync(new URL(`${example}/README.md`, examples), 'utf8')
  return [...text.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block = '']) =>
    block
      .trim()
      .split('\n')
      .map((line) => line.replace(/\s+#.*/, '')),
  )
}

/** Reads an example's output: Handover's log lines in either format, and the line with the listening address. */
export const readExampleLine: ReadLine = (line) => {
  const { pid, message } = pinoLine(line) ?? plainLine(line)
  const [, generation, state, because] =
    /^generation (\d+) is ([a-z-]+)(?: \(([a-z ]+)\))?/.exec(message) ?? []
  if (state) {
    const reason = because === undefined ? {} : { because: because.replace(' ', '-') }
    return { event: 'state', pid, generation: Number(generation), state, ...reason }
  }
  const [, port] = /(?:listen.*|Local:) +(?:port |http:\/\/\S*:)(\d+)$/.exec(message) ?? []
  if (port) {
    return {
      event: 'listening',
      pid,
      addresses: [{ address: '127.0.0.1', port: Number(port), family: 'IPv4' }],
    }
  }
  return { event: message.startsWith('reload failed') ? 'reload-failed' : 'log', pid, message }
}

/** Runs `node file` with the working directory and the variables that its README mentions. */
export function launchExample(example: string, file: string, env: Record<string, string>): Service {
  const folder = new URL(`${example}/`, examples)
  return launchService(new URL(file, folder).href, { cwd: folder.pathname, env, readLine: readExampleLine })
}

/** Runs the command of the first code block on a free port, and waits until it listens and is ready. */
export async function startExample(example: string, env: Record<string, string> = {}): Promise<Service> {
  const [[command = ''] = []] = commandsOf(example)
  const [, file] = /^node (\S+)$/.exec(command) ?? []
  if (!file) throw new Error(`the README of ${example} does not begin with a start command: ${command}`)
  const service = launchExample(example, file, { PORT: '0', ...env })
  await Promise.all([service.event('listening'), service.event(isReady)])
  return service
}

function pinoLine(line: string): { pid: number; message: string } | undefined {
  try {
    const { pid, msg } = JSON.parse(line)
    return typeof pid === 'number' && typeof msg === 'string' ? { pid, message: msg } : undefined
  } catch {
    return undefined
  }
}

function plainLine(line: string): { pid: number; message: string } {
  const [, pid, message] = /^(?:handover\[|pid )(\d+)\]? (.*)/.exec(line) ?? []
  return { pid: Number(pid ?? 0), message: message ?? line }
}
