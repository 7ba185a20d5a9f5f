/** Runs the `handover` command as a user does. */
import { execFile } from 'node:child_process'
import { testNode } from '../support/service.js'
import type { Command } from './round-log.js'
import { handover, type Scene } from './scene.js'

/** Longer than the longest reload of a round. */
const limitMs = 60_000

export function runCommand(scene: Scene, name: Command['name']): Promise<Command> {
  const afterIndex = scene.service.lastIndex
  const args = [handover, name, '--json', '--control', scene.control]
  return new Promise((resolve) => {
    execFile(testNode, args, { timeout: limitMs, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === 'number' ? error.code : null) : 0
      resolve({ name, afterIndex, code, stdout, stderr })
    })
  })
}
