// Programs whose source text is part of one test.
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { isReady } from './generations.js'
import { launchService, type Service, type ServiceOptions, testNode } from './service.js'
import { tempDir } from './temp-dir.js'

const { resolve } = createRequire(import.meta.url)

/** The URL of the built core, for programs outside the workspace. */
export const coreUrl = pathToFileURL(resolve('@handover/core')).href
const storyUrl = new URL('../fixtures/story.mjs', import.meta.url).href

const prelude = `
import { graceful } from '${coreUrl}'
import { config, tell, tellOf } from '${storyUrl}'
`

/** Launches the program text as a service. The text can use `graceful`, `config`, `tell` and `tellOf`. */
export function launchProgram(text: string, options?: ServiceOptions): Service {
  return launchService(programFile(text), options)
}

/** Writes the program text to a file and returns its path. */
export function programFile(text: string): string {
  const path = join(tempDir(), 'program.mjs')
  writeFileSync(path, prelude + text)
  return path
}

/** Launches the program text and waits until it is ready. */
export async function startProgram(text: string, options?: ServiceOptions): Promise<Service> {
  const service = launchProgram(text, options)
  await service.event(isReady)
  return service
}

/** Runs the text in the Node under test and parses its output as JSON. */
export async function evaluate(text: string, execArgv: readonly string[] = []): Promise<unknown> {
  const args = [...execArgv, '--input-type=module', '--eval', text]
  const { stdout } = await promisify(execFile)(testNode, args, { timeout: 20_000 })
  return JSON.parse(stdout)
}
