import { createColors } from 'picocolors'

/** Colours, or none. */
export type Paint = ReturnType<typeof createColors>

export const paintIf = (isColoured: boolean): Paint => createColors(isColoured)

/** Whether a live picture in colours can be shown, and is wanted. */
export function canPaint(isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  return isTerminal && !env.CI && !env.NO_COLOR && env.TERM !== 'dumb'
}
