/** Parses the command line of a Node program. The supervisor starts workers with the result. */
import { basename } from 'node:path'

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

/** Returns the command, or an error message if the program is not Node. */
export function readCommand(words: readonly string[]): NodeCommand | string {
  const [execPath = '', ...rest] = words
  if (!isNode(execPath)) {
    return `"${execPath}" is not Node. handover run starts only Node programs, as in: handover run -- node server.js`
  }
  let at = 0
  while (rest[at]?.startsWith('-') && rest[at] !== '--') at += withValue.has(rest[at] ?? '') ? 2 : 1
  return { execPath, execArgv: rest.slice(0, at), args: rest.slice(rest[at] === '--' ? at + 1 : at) }
}

/** Accepts `nodejs` and `node22`, too, which may be links to another name. */
const isNode = (path: string): boolean =>
  path === process.execPath || /^node(js)?[-_.]?v?[\d.]*(\.exe)?$/i.test(basename(path))
