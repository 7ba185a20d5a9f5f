import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { LoadCount, LoadOrder } from './load.js'
import { pinned } from './service.js'

/** Controls a process that generates load (load.ts). It ends with this process. */
export class LoadProcess {
  readonly #process: ChildProcess

  constructor(core: number | undefined) {
    const program = fileURLToPath(new URL('load.js', import.meta.url))
    const [command, ...args] = pinned(core, [process.execPath, program])
    this.#process = spawn(command as string, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  }

  async run(order: LoadOrder): Promise<LoadCount> {
    const ended = new AbortController()
    const exit = once(this.#process, 'exit', { signal: ended.signal }).then(() => {
      throw new Error('the load process has exited')
    })
    const answer = once(this.#process, 'message', { signal: ended.signal })
    this.#process.send(order)
    try {
      const [count] = await Promise.race([answer, exit])
      return count
    } finally {
      ended.abort()
      exit.catch(() => {})
      answer.catch(() => {})
    }
  }

  stop(): void {
    this.#process.kill('SIGKILL')
  }
}
