// The packed packages in Jest, with all versions of Node, and in TypeScript 5.9 and 7, with each setting of modules.
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from '../docs/pages.js'
import { Cli } from '../support/cli.js'
import { Packed } from '../support/packed.js'

const packages = new Packed()
const { app } = packages
const bin = (folder: string, name: string) => join(folder, 'node_modules', '.bin', name)
const nodeOf = (version: string) =>
  execFileSync(process.execPath, [join(root, 'tools', 'nodes.mjs'), version], { encoding: 'utf8' }).trim()

beforeAll(async () => {
  const babel = ['@babel/preset-typescript@7', '@babel/plugin-transform-modules-commonjs@7']
  await packages.install('commonjs', ['jest@30', 'supertest@7', ...babel, 'typescript@5.9'])
  cpSync(join(root, 'test', 'packages', 'jest'), app, { recursive: true })
  const imports = join(root, 'test', 'packages', 'consumers', 'imports.ts')
  for (const name of ['imports.mts', 'imports.cts']) copyFileSync(imports, join(app, name))
  const presets = {
    presets: ['@babel/preset-typescript'],
    plugins: ['@babel/plugin-transform-modules-commonjs'],
  }
  writeFileSync(join(app, 'babel.config.json'), JSON.stringify(presets))
}, 180_000)

afterAll(() => packages.remove())

// Workers of Jest report a test file that does not end; one process reports what keeps it open.
const workers = ['in workers', ['--maxWorkers', '2']] as const
const inBand = ['in one process', ['--runInBand', '--detectOpenHandles']] as const
const runs = ['20', '22', '24', '26'].flatMap((node) =>
  [workers, inBand].map((row) => [node, ...row] as const),
)

test.each(runs)(
  'Jest with Node %s, %s: the tests pass, Handover prints nothing, and Jest exits',
  async (node, _, args) => {
    const { code, stdout, stderr } = await new Cli(nodeOf(node), [bin(app, 'jest'), ...args], { cwd: app })
      .ended
    expect(code, stderr).toBe(0)
    expect(stderr).toContain('Tests:       57 passed, 57 total')
    expect(stdout + stderr).not.toMatch(
      /handover\[|console\.|did not exit|failed to exit|open handle|Warning/,
    )
  },
)

/** The valid pairs of `module` and `moduleResolution` in both versions of TypeScript. */
const pairs = [
  'node16/node16',
  'node18/node16',
  'node20/node16',
  'nodenext/nodenext',
  'es2020/bundler',
  'esnext/bundler',
  'preserve/bundler',
]

test('TypeScript 5.9 accepts the types with every module and moduleResolution', async () => {
  const script = join(app, 'type-errors.cjs')
  copyFileSync(join(root, 'test', 'packages', 'type-errors.cjs'), script)
  const args = [script, ...pairs, 'commonjs/node10', 'esnext/node10']
  expect(await new Cli(process.execPath, args, { cwd: app }).ended).toEqual({
    code: 0,
    stdout: '',
    stderr: '',
  })
})

test.each([...pairs, 'commonjs/bundler'])(
  'TypeScript 7 accepts the types with module and moduleResolution %s',
  async (pair) => {
    const [module, moduleResolution] = pair.split('/')
    const compilerOptions = {
      module,
      moduleResolution,
      target: 'es2023',
      lib: ['es2023'],
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      types: ['node'],
      skipLibCheck: false,
    }
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['imports.*ts'] }))
    const { stdout } = await new Cli(bin(root, 'tsc'), ['--project', app], { cwd: app }).ended
    // @types/koa 3 has an error of its own.
    const isOurs = (line: string) => line.includes('error TS') && !line.includes('node_modules/@types/')
    expect(stdout.split('\n').filter(isOurs)).toEqual([])
  },
)
