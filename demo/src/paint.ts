import { createColors } from 'picocolors'

/** Formats text with or without colors. */
export type Paint = ReturnType<typeof createColors>

export const paintIf = (isColored: boolean): Paint => createColors(isColored)

/** Whether the terminal supports a live display in color and no variable disables it. `isTTY` is undefined for files. */
export function canPaint(isTerminal: boolean | undefined, env: NodeJS.ProcessEnv): boolean {
  return isTerminal === true && !env.CI && !env.NO_COLOR && env.TERM !== 'dumb'
}
