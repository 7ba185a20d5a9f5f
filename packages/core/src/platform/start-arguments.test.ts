import { expect, test } from 'vitest'
import { startArguments } from './start-arguments.js'

const running = { argv: ['/bin/node', '/app/cli.js'], execArgv: ['--import', 'x'], cwd: () => '/app' }
const preload = ['--require', '/preload.cjs']

test.each([
  [
    'the arguments that the program removed from process.argv',
    ['node', '--import', 'x', 'cli.js', 'start', '-p'],
    ['start', '-p'],
  ],
  ['the same behind a preload', ['node', '--import', 'x', ...preload, '/app/cli.js', 'start'], ['start']],
  ['no argument if the command line is unknown', [], []],
  ['no argument if a title replaced the command line', ['my title'], []],
])('the successor gets %s', (_, commandLine, args) => {
  expect(startArguments(running, commandLine)).toEqual(['/app/cli.js', ...args])
})

test('the successor gets arguments that the program added to process.argv', () => {
  const added = { ...running, argv: [...running.argv, 'one', 'two'] }
  expect(startArguments(added, ['node', '--import', 'x', 'cli.js', 'one'])).toEqual([
    '/app/cli.js',
    'one',
    'two',
  ])
})

test('a process without a script has no arguments', () => {
  expect(startArguments({ ...running, argv: ['/bin/node'] }, ['node'])).toEqual([])
})
