// Runs the test in docs/guides/testing-and-embedding.md.
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Cli } from '../support/cli.js'
import { installation } from '../support/installation.js'
import { testNode } from '../support/service.js'
import { blocksOf, root } from './pages.js'

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

test('vitest with supertest and 50 applications in a file: Handover prints nothing, and vitest exits', async () => {
  const spec = `
    import graceful from '@handover/express'
    import express from 'express'
    import request from 'supertest'
    import { expect, test } from 'vitest'
    test.each(Array.from({ length: 50 }, (_, i) => [i]))('application %i answers', async (i) => {
      const app = express()
      app.use(graceful(app))
      app.get('/', (_request, response) => response.send('hello ' + i))
      expect((await request(app).get('/')).text).toBe('hello ' + i)
    })`
  const folder = installation({ 'server.test.js': spec })
  symlinkSync(join(root, 'node_modules', 'vitest'), join(folder, 'node_modules', 'vitest'))
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const env = { VITEST: undefined, VITEST_POOL_ID: undefined, VITEST_WORKER_ID: undefined, NO_COLOR: '1' }
  const { code, stdout, stderr } = await new Cli(testNode, [vitest, 'run', '--root', folder], { env }).ended
  expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/Tests +50 passed/)
  expect(stdout).not.toMatch(/handover\[|Warning|hanging|stderr/)
})
