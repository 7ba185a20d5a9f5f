/** Parses the command line of a Node program. The supervisor starts workers with the result. */
import { joinWords } from './shell-words.js'
import { isNode, isScript, needsTypeScript, suggestRun } from './suggested-command.js'

export interface NodeCommand {
  readonly execPath: string
  /** Options for Node. */
  readonly execArgv: readonly string[]
  /** The script and its arguments. */
  readonly args: readonly string[]
}

/** Options of Node whose value can be the next word (node --help). */
const withValue = new Set(
  (
    '-r --require --import --loader --experimental-loader -C --conditions --env-file --env-file-if-exists -e --eval ' +
    '-p --print -pe --input-type --title --icu-data-dir --openssl-config --tls-cipher-list --tls-keylog ' +
    '--max-http-header-size --inspect-port --debug-port --diagnostic-dir --report-dir --disable-warning ' +
    '--unhandled-rejections --stack-trace-limit --heapsnapshot-signal --secure-heap --redirect-warnings'
  ).split(' '),
)

/**
 * Returns the command, or an error message that says what to write instead. A script alone runs on `workerNode`, or else on
 * the Node of this process. `options` are those of `handover run`, for the message.
 */
export function readCommand(
  words: readonly string[],
  options: readonly string[],
  workerNode?: string,
): NodeCommand | string {
  const [execPath, ...rest] = words
  if (execPath === undefined)
    return 'name the program: handover run server.js, or "command" in handover.config.json'
  if (isScript(execPath) && (workerNode !== undefined || !needsTypeScript(execPath))) {
    const command = { execPath: workerNode ?? process.execPath, execArgv: [], args: words }
    return describeMisplaced(words, options) ?? command
  }
  if (!isNode(execPath)) return describeMistake(words, options)
  if (workerNode !== undefined && execPath !== 'node') return describeTwoNodes(workerNode, execPath)
  let at = 0
  while (rest[at]?.startsWith('-') && rest[at] !== '--') at += withValue.has(rest[at] ?? '') ? 2 : 1
  const args = rest.slice(rest[at] === '--' ? at + 1 : at)
  return { execPath: workerNode ?? execPath, execArgv: rest.slice(0, at), args }
}

function describeTwoNodes(workerNode: string, execPath: string): string {
  return (
    `--node ${workerNode} and "${execPath}" both name the Node binary for the workers. ` +
    `Omit --node, or write "node" instead of "${execPath}".`
  )
}

function describeMistake(words: readonly string[], options: readonly string[]): string {
  const [program = ''] = words
  const reason = isScript(program)
    ? `Node ${process.versions.node} cannot run the TypeScript file "${program}".`
    : `"${program}" is not Node, and handover run starts only Node.`
  const instead = suggestRun(words, options)
  return instead
    ? `${reason} Write instead: ${instead}`
    : `${reason} Write the Node command that it runs, such as: handover run -- node server.js`
}

/** Returns an error message if `--workers` follows the script, where it would have no effect. */
function describeMisplaced(words: readonly string[], options: readonly string[]): string | undefined {
  const at = words.findIndex((word) => /^--workers(=|$)/.test(word))
  if (at < 0) return undefined
  const end = words[at] === '--workers' ? at + 2 : at + 1
  const others = [...words.slice(0, at), ...words.slice(end)]
  const instead = joinWords(['handover', 'run', ...options, ...words.slice(at, end), ...others])
  const own = joinWords(['handover', 'run', ...options, '--', 'node', ...words])
  return `--workers must precede the program. Write instead: ${instead} (or, for an option of the program: ${own})`
}
