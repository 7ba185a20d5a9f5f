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
