import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const preloadName = 'handover-preload.cjs'

/** The preload of this package: a bundle is in `dist/`, a module of the workspace in a folder below that. */
export function ownPreload(): string | undefined {
  const candidates = ['../', '../../'].map((up) => new URL(`${up}${preloadName}`, import.meta.url))
  return candidates.map((url) => fileURLToPath(url)).find(existsSync)
}
