import { createColors } from 'picocolors'

/** Formats text with or without colors. */
export type Paint = ReturnType<typeof createColors>

export const paintIf = (isColored: boolean): Paint => createColors(isColored)

/** Whether the output is a terminal and no variable disables the live display. `isTTY` is undefined for files. */
export function canPaint(isTerminal: boolean | undefined, env: NodeJS.ProcessEnv): boolean {
  return isTerminal === true && !env.CI && !env.NO_COLOR && env.TERM !== 'dumb'
}
