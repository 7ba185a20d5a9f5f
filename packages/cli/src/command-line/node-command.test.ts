import { expect, test } from 'vitest'
import { readCommand } from './node-command.js'

const { execPath, features } = process

test('a script alone runs in the Node of the command, with its arguments', () => {
  expect(readCommand(['server.mjs', '--port', '80'], [])).toEqual({
    execPath,
    execArgv: [],
    args: ['server.mjs', '--port', '80'],
  })
})

test('the options of Node precede the script', () => {
  expect(readCommand(['node', '--import', 'tsx', 'server.ts', '--port'], [])).toEqual({
    execPath: 'node',
    execArgv: ['--import', 'tsx'],
    args: ['server.ts', '--port'],
  })
})

test('a TypeScript file alone runs only if this version of Node can run it', () => {
  const canRun = 'typescript' in features && features.typescript
  expect(readCommand(['server.ts'], ['--workers', '2'])).toEqual(
    canRun
      ? { execPath, execArgv: [], args: ['server.ts'] }
      : `Node ${process.versions.node} cannot run the TypeScript file "server.ts". ` +
          'Write instead: handover run --workers 2 -- node --import tsx server.ts',
  )
})

test.each([[['--workers', '2']], [['--workers=2']]])('%j after a script alone is an error', (workers) => {
  const written = workers.join(' ')
  expect(readCommand(['server.js', ...workers, '--port'], [])).toBe(
    `--workers must precede the program. Write instead: handover run ${written} server.js --port ` +
      `(or, for an option of the program: handover run -- node server.js ${written} --port)`,
  )
})

test.each([
  ['a script alone', ['server.ts', '--port'], [], ['server.ts', '--port']],
  ['a Node command', ['node', '--import', 'tsx', 'server.ts'], ['--import', 'tsx'], ['server.ts']],
])('%s runs on the Node that --node names', (_, words, execArgv, args) => {
  expect(readCommand(words, [], 'bin/node')).toEqual({ execPath: 'bin/node', execArgv, args })
})

test('--node with the path of another Node is an error', () => {
  expect(readCommand(['/opt/node-24/bin/node', 'server.js'], [], 'bin/node')).toBe(
    '--node bin/node and "/opt/node-24/bin/node" both name the Node binary for the workers. ' +
      'Omit --node, or write "node" instead of "/opt/node-24/bin/node".',
  )
})

test('handover run also starts only Node with --node', () => {
  expect(readCommand(['tsx', 'server.ts'], ['--node', 'bin/node'], 'bin/node')).toBe(
    '"tsx" is not Node, and handover run starts only Node. ' +
      'Write instead: handover run --node bin/node -- node --import tsx server.ts',
  )
})
