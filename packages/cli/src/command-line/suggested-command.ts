/** Suggests the Node command of a program that starts Node itself, such as `tsx`, `npm start` or `npx`. */
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { joinWords, splitWords } from './shell-words.js'

type Words = readonly string[]

/** Accepts `nodejs` and `node22`, too, which may be links to another name. */
export const isNode = (path: string): boolean =>
  path === process.execPath || /^node(js)?[-_.]?v?[\d.]*(\.exe)?$/i.test(basename(path))

export const isScript = (word: string): boolean => /\.[cm]?[jt]s$/.test(word)

/** Whether this version of Node needs help to run the file. */
export const needsTypeScript = (word: string): boolean =>
  /\.[cm]?ts$/.test(word) && !(process.features as { typescript?: unknown }).typescript

/**
 * Returns the `handover run` command line with `options` for the program that these words start, or `undefined` if the
 * Node command is unknown. Reads the scripts in package.json.
 */
export function suggestRun(words: Words, options: Words = []): string | undefined {
  const variables: string[] = []
  let next: Words | undefined = words
  // A script may name itself.
  for (let steps = 0; next && steps < 10; steps++) {
    const [first = '', ...rest]: Words = next
    if (isNode(first)) {
      return [...variables, joinWords(['handover', 'run', ...options, '--', ...next])].join(' ')
    }
    const [, name, value] = /^(\w+)=(.*)$/.exec(first) ?? []
    if (name !== undefined && value !== undefined) {
      variables.push(`${name}=${joinWords([value])}`)
      next = rest
    } else {
      next = isScript(first) ? nodeFor(next) : (tools.get(basename(first))?.(rest) ?? executable(next))
    }
  }
  return undefined
}

/** Returns the Node command for a script and its arguments. */
function nodeFor(words: Words): Words {
  return ['node', ...(needsTypeScript(words[0] ?? '') ? ['--import', 'tsx'] : []), ...words]
}

/** For each program, returns the command that it starts. */
const tools: ReadonlyMap<string, (rest: Words) => Words | undefined> = new Map([
  ['tsx', (rest: Words) => ['node', '--import', 'tsx', ...(rest[0] === 'watch' ? rest.slice(1) : rest)]],
  ['ts-node', tsNode],
  ['ts-node-dev', tsNode],
  ['ts-node-esm', (rest: Words) => tsNode(['--esm', ...rest])],
  ['nest', ([verb]: Words) => (verb === 'start' ? ['node', 'dist/main.js'] : undefined)],
  ...each(['npm', 'pnpm', 'yarn'], packageManager),
  ...each(['sh', 'bash'], shell),
  ...each(['npx', 'pnpx', 'env', 'cross-env', 'exec', 'nohup', 'dumb-init', 'tini'], withoutOptions),
  ...each(['nodemon', 'pm2-runtime', 'bun', 'deno'], (rest: Words) => {
    const script = fromScript(rest)
    return script && nodeFor(script)
  }),
])

function each<T>(names: Words, translate: T): [string, T][] {
  return names.map((name) => [name, translate])
}

function fromScript(rest: Words): Words | undefined {
  const at = rest.findIndex(isScript)
  return at < 0 ? undefined : rest.slice(at)
}

function tsNode(rest: Words): Words | undefined {
  const script = fromScript(rest)
  const loader = rest.includes('--esm') ? ['--loader', 'ts-node/esm'] : ['--require', 'ts-node/register']
  return script && ['node', ...loader, ...script]
}

function withoutOptions(rest: Words): Words {
  const at = rest.findIndex((word) => !word.startsWith('-'))
  return at < 0 ? [] : rest.slice(at)
}

function shell(rest: Words): Words | undefined {
  return rest[0] === '-c' ? splitWords(rest[1] ?? '') : undefined
}

function packageManager(rest: Words): Words | undefined {
  const [verb = '', ...args] = withoutOptions(rest)
  if (['exec', 'x', 'dlx'].includes(verb)) return withoutOptions(args)
  const [name = '', ...more] = ['run', 'run-script'].includes(verb) ? withoutOptions(args) : [verb, ...args]
  const command = scriptOf(name)
  return command && [...command, ...(more[0] === '--' ? more.slice(1) : more)]
}

function scriptOf(name: string): Words | undefined {
  try {
    const script: unknown = JSON.parse(readFileSync('package.json', 'utf8'))?.scripts?.[name]
    return typeof script === 'string' ? splitWords(script) : undefined
  } catch {
    return undefined
  }
}

/** Returns the command of a file that starts with `#!/usr/bin/env node`, such as a command of a package. */
function executable([name = '', ...rest]: Words): Words | undefined {
  const path = name.includes('/') ? name : join('node_modules', '.bin', name)
  try {
    const [firstLine = ''] = readFileSync(path, 'utf8').split('\n', 1)
    return /^#!.*\bnode\b/.test(firstLine) ? ['node', path, ...rest] : undefined
  } catch {
    return undefined
  }
}
