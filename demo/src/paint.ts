import { createColors } from 'picocolors'

/** Colours, or none. */
export type Paint = ReturnType<typeof createColors>

export const paintIf = (isColoured: boolean): Paint => createColors(isColoured)
