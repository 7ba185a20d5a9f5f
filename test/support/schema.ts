// Checks manifests against the published API of Kubernetes, as the package kubernetes-models contains it.
import { execFile } from 'node:child_process'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Deployment } from 'kubernetes-models/apps/v1'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1'
import { ConfigMap, Service } from 'kubernetes-models/v1'
import { tempDir } from './temp-dir.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

type Model = new (data: never) => { validate(): void }

const kinds: Readonly<Record<string, { readonly module: string; readonly Model: Model }>> = {
  'apps/v1 Deployment': { module: 'kubernetes-models/apps/v1', Model: Deployment },
  'policy/v1 PodDisruptionBudget': { module: 'kubernetes-models/policy/v1', Model: PodDisruptionBudget },
  'v1 ConfigMap': { module: 'kubernetes-models/v1', Model: ConfigMap },
  'v1 Service': { module: 'kubernetes-models/v1', Model: Service },
}

interface Checked {
  readonly text: string
  readonly kind: string
  readonly module: string
}

/**
 * Resolves with everything that is wrong with each manifest. The JSON schema finds missing fields and wrong values.
 * It allows unknown fields, so TypeScript compares the fields with the types that come from the same schema.
 */
export async function complaintsAbout(manifests: readonly object[]): Promise<string[][]> {
  const checked = manifests.map(readManifest)
  const output = await compile(checked)
  return checked.map(({ values }, i) => [
    ...values,
    ...output.split('\n').filter((line) => line.startsWith(`${fileName(i)}(`)),
  ])
}

const fileName = (i: number): string => `manifest-${i}.mts`

function readManifest(manifest: object): Checked & { readonly values: string[] } {
  const { apiVersion = '', kind = '' } = manifest as { apiVersion?: string; kind?: string }
  const known = kinds[`${apiVersion} ${kind}`]
  if (!known) throw new Error(`"${apiVersion} ${kind}" is not a known kind`)
  const values: string[] = []
  try {
    new known.Model(manifest as never).validate()
  } catch (error) {
    values.push(String(error))
  }
  return { text: JSON.stringify(manifest, null, 2), kind, module: known.module, values }
}

/** Resolves with the output of the compiler. */
async function compile(checked: readonly Checked[]): Promise<string> {
  const folder = tempDir()
  symlinkSync(join(root, 'test', 'node_modules'), join(folder, 'node_modules'))
  for (const [i, { text, kind, module }] of checked.entries()) {
    const code = `import type { I${kind} } from '${module}'\nexport const manifest: I${kind} = ${text}\n`
    writeFileSync(join(folder, fileName(i)), code)
  }
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', '']
  const args = [...options, ...checked.map((_, i) => fileName(i))]
  const tsc = join(root, 'node_modules', '.bin', 'tsc')
  const { stdout } = await promisify(execFile)(tsc, args, { cwd: folder }).catch((error) => error)
  if (/^(?!manifest-)\S+: error/m.test(stdout)) throw new Error(stdout)
  return stdout
}
