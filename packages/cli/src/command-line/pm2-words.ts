/** Answers commands and options of PM2 with those of `handover`. */
import { joinWords } from './shell-words.js'
import { isScript, suggestRun } from './suggested-command.js'

type Words = readonly string[]

const boot = 'Let a service manager such as systemd start handover run at boot.'
const logs =
  'handover run logs to its standard output, which the service manager stores. Read it with: journalctl --unit NAME'

const answers: Readonly<Record<string, (rest: Words) => string>> = {
  start: (rest) => `Write instead: ${startCommand(rest)}`,
  ...answer(['list', 'ls', 'l', 'ps', 'show', 'describe', 'info'], 'Write instead: handover status'),
  ...answer(['monit', 'dash'], 'Write instead: handover status --watch'),
  ...answer(['restart'], 'Write instead: handover reload'),
  ...answer(['delete', 'del', 'kill'], 'Write instead: handover stop'),
  ...answer(['logs', 'log'], logs),
  ...answer(['startup', 'save', 'resurrect'], boot),
}

function answer(names: Words, text: string): Record<string, () => string> {
  return Object.fromEntries(names.map((name) => [name, () => text]))
}

/** Returns what to write instead, or `undefined` if the command line contains no word of PM2. */
export function answerPm2(commandLine: Words): string | undefined {
  const [command = '', ...rest] = commandLine
  const text = Object.hasOwn(answers, command) ? answers[command]?.(rest) : undefined
  if (text) return `"${command}" is a PM2 command. ${text}`
  if (command === 'run') return answerInstances(rest)
  if (command === 'scale') return answerScale(rest)
  return ['reload', 'stop', 'status'].includes(command) && rest[0] === 'all'
    ? `"all" is a PM2 argument. Write instead: ${joinWords(['handover', command, ...rest.slice(1)])}`
    : undefined
}

/** PM2 expects the name of a program before the number, and `+2` adds workers. */
function answerScale([name = '', count = '']: Words): string | undefined {
  if (!/^(?!-|[1-9]\d*$|max$)./.test(name) || !/^[+-]?\d+$/.test(count)) return undefined
  const number = /^[1-9]\d*$/.test(count) ? count : 'N'
  const note = number === 'N' ? ', with the new number of workers' : ''
  return `"${name}" is a PM2 argument. Write instead: handover scale ${number}${note}`
}

/** Answers `-i` and `--instances`. After `--`, they belong to the program. */
function answerInstances(rest: Words): string | undefined {
  const end = rest.includes('--') ? rest.indexOf('--') : rest.length
  const { name, workers, others } = takeInstances(rest.slice(0, end))
  if (name === undefined) return undefined
  const instead = joinWords(['handover', 'run', ...workers, ...others, ...rest.slice(end)])
  return `"${name}" is a PM2 option. Write instead: ${instead}`
}

/** Options of `pm2 start` that have a value. */
const withValue = new Set(
  (
    '-n --name --namespace --env -l --log -o --output -e --error -p --pid --cwd --interpreter --node-args -c --cron ' +
    '--cron-restart --max-memory-restart --kill-timeout --listen-timeout --restart-delay --ignore-watch --max-restarts'
  ).split(' '),
)

function startCommand(rest: Words): string {
  const end = rest.includes('--') ? rest.indexOf('--') : rest.length
  const { workers, others } = takeInstances(rest.slice(0, end))
  const operands = others.filter((word, i) => !word.startsWith('-') && !withValue.has(others[i - 1] ?? ''))
  const script = operands.filter((word) => !/\.config\.[cm]?js$|\.(json|ya?ml)$/.test(word)).slice(0, 1)
  const args = rest.slice(end + 1)
  if (script[0] !== undefined && !isScript(script[0])) {
    const instead = suggestRun([...script, ...args], workers)
    if (instead) return instead
  }
  const program = script[0] !== undefined && isScript(script[0]) ? script : ['server.js']
  return joinWords(['handover', 'run', ...workers, ...program, ...args])
}

interface Instances {
  /** The option as written. */
  readonly name?: string
  /** The option of `handover run`. */
  readonly workers: Words
  readonly others: Words
}

function takeInstances(words: Words): Instances {
  const at = words.findIndex((word) => /^(-i\d*|-i=?max|--instances)(=.*)?$/.test(word))
  if (at < 0) return { workers: [], others: words }
  const [, name = '', attached] = /^(-i|--instances)=?(.+)?$/.exec(words[at] ?? '') ?? []
  const value = attached ?? words[at + 1] ?? ''
  const others = words.filter((_, i) => i !== at && (attached !== undefined || i !== at + 1))
  return { name, workers: ['--workers', /^[1-9]\d*$/.test(value) ? value : 'max'], others }
}
