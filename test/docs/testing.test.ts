// Runs the test in docs/guides/testing-and-embedding.md.
import { expect, test } from 'vitest'
import { Cli } from '../support/cli.js'
import { installation } from '../support/installation.js'
import { testNode } from '../support/service.js'
import { blocksOf } from './pages.js'

const program = blocksOf('docs/guides/testing-and-embedding.md').find(({ code }) =>
  code.includes('supertest'),
)

test('the test of the guide passes, logs nothing, removes its signal listeners and exits', async () => {
  const check = `
    after(() => {
      for (const signal of ['SIGHUP', 'SIGTERM', 'SIGINT']) assert.equal(process.listenerCount(signal), before[signal])
    })`
  const count = (signal: string) => `${signal}: process.listenerCount('${signal}')`
  const before = `const before = { ${['SIGHUP', 'SIGTERM', 'SIGINT'].map(count).join(', ')} }`
  const folder = installation({ 'server.test.js': [program?.code, before, check].join('\n') })
  // A test runner inside a test runner would report to the outer one.
  const env = { NODE_TEST_CONTEXT: undefined }
  const { code, stdout, stderr } = await new Cli(testNode, ['--test'], { cwd: folder, env }).ended
  expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('pass 1')
  expect(stdout).not.toContain('handover[')
})
