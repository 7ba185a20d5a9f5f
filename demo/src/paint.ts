import { createColors } from 'picocolors'

/** Colours, or none. */
export type Paint = ReturnType<typeof createColors>

export const paintIf = (isColoured: boolean): Paint => createColors(isColoured)

/** Whether a live picture in colours can be shown, and is wanted. `isTTY` of a stream that is none is undefined. */
export function canPaint(isTerminal: boolean | undefined, env: NodeJS.ProcessEnv): boolean {
  return isTerminal === true && !env.CI && !env.NO_COLOR && env.TERM !== 'dumb'
}
