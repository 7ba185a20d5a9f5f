/** Option values from `handover.config.json`, or from `handover` in package.json, in the working directory. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { closestName } from '@handover/core/supervision'
import type { Command, Option } from 'commander'
import { paths } from './values.js'

/** The options that a command line may repeat. */
const repeatable = ['watchPath', 'watchFiles']
const fileName = 'handover.config.json'

interface Configuration {
  /** Where it was found, for messages. */
  readonly source: string
  readonly values: Readonly<Record<string, unknown>>
}

/**
 * Sets the options of `command` that are configured, unless the command line or the environment sets them. Returns the
 * configured words of the program to run. Throws an `Error` that names the file and the option.
 */
export function configure(command: Command, run: Command, folder: string): readonly string[] {
  const configuration = readConfiguration(folder)
  if (!configuration) return []
  const { command: words, ...values } = configuration.values
  for (const [name, value] of Object.entries(values)) {
    const option = run.options.find((each) => each.attributeName() === name)
    if (!option) throw unknown(configuration, name, run)
    const parsed = parse(configuration, option, value)
    // The other commands only look for the control socket.
    const isWanted = command === run || (name === 'control' && !namesService(command))
    if (isWanted && !isSet(command, name)) command.setOptionValueWithSource(name, parsed, 'config')
  }
  return readWords(configuration, words)
}

const isSet = (command: Command, name: string): boolean =>
  (name === 'control' && Boolean(process.env.HANDOVER_CONTROL)) ||
  ![undefined, 'default'].includes(command.getOptionValueSource(name))

/** Whether the command line names a PID or a PID file. The argument of `scale` is a number of workers. */
const namesService = (command: Command): boolean =>
  (command.args.length > 0 && command.registeredArguments[0]?.name() === 'pid') || isSet(command, 'pidFile')

function readConfiguration(folder: string): Configuration | undefined {
  const own = readJson(join(folder, fileName))
  const inPackage = readJson(join(folder, 'package.json'))?.handover
  if (own !== undefined && inPackage !== undefined)
    throw new Error(
      `${fileName} and "handover" in package.json both configure this service: remove one of them`,
    )
  const values = own ?? inPackage
  if (values === undefined) return undefined
  const source = own ? fileName : '"handover" in package.json'
  if (!isObject(values)) throw new Error(`${source} must be an object of options, such as { "workers": 2 }`)
  return { source, values }
}

/** Returns `undefined` if the file does not exist. */
function readJson(path: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(`cannot read ${path}: ${(error as Error).message}`)
  }
}

function parse({ source }: Configuration, option: Option, value: unknown): unknown {
  try {
    if (option.isBoolean() && typeof value === 'boolean') return value
    if (option.isBoolean()) throw new Error('Expected true or false.')
    if (repeatable.includes(option.attributeName())) return pathsIn(value)
    if (typeof value !== 'string' && typeof value !== 'number')
      throw new Error('Expected a string or a number.')
    return option.parseArg ? option.parseArg(String(value), undefined) : String(value)
  } catch (error) {
    throw new Error(
      `${source}: "${option.attributeName()}" is ${JSON.stringify(value)}. ${(error as Error).message}`,
    )
  }
}

function pathsIn(value: unknown): readonly string[] {
  const list: unknown[] = Array.isArray(value) ? value : [value]
  if (!list.every((each) => typeof each === 'string')) throw new Error('Expected a path or a list of paths.')
  return list.reduce<readonly string[]>((earlier, each) => paths(each, earlier), [])
}

function readWords({ source }: Configuration, words: unknown): readonly string[] {
  if (words === undefined) return []
  if (typeof words === 'string') return words.split(' ').filter(Boolean)
  if (Array.isArray(words) && words.length > 0 && words.every((each) => typeof each === 'string'))
    return words
  throw new Error(`${source}: "command" must be a string or a list of strings, such as "server.js"`)
}

function unknown({ source }: Configuration, name: string, run: Command): Error {
  const names = ['command', ...run.options.map((option) => option.attributeName())]
  const closest = closestName(name, names)
  const advice = closest ? `Did you mean "${closest}"?` : `The options are ${names.join(', ')}.`
  return new Error(`${source}: "${name}" is not an option of handover run. ${advice}`)
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
