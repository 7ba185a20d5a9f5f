import { existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Writes a version of a ConfigMap or Secret volume as the kubelet does: a new folder, and then one rename of the link
 * `..data` to it. The links of the files lead through `..data`.
 */
export function writeVolume(folder: string, version: string, files: Readonly<Record<string, string>>): void {
  const inner = `..2026_11_26_${version}`
  mkdirSync(join(folder, inner), { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, inner, name), text)
  symlinkSync(inner, join(folder, '..data_tmp'))
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  for (const name of Object.keys(files)) {
    if (!existsSync(join(folder, name))) symlinkSync(join('..data', name), join(folder, name))
  }
}
