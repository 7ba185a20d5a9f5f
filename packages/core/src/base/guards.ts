/** Checks of values from other processes, environment variables and options. */

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export const isString = (value: unknown): value is string => typeof value === 'string'

/** A whole number from 1. */
export const isNatural = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 1

export const isList = (value: unknown, isItem: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(isItem)

/** Whether the value is the native handle of a socket from another process (`net.Native` in Node's source). */
export function isNativeHandle(handle: unknown): handle is object {
  const { fd, close, listen } = (handle ?? {}) as Record<string, unknown>
  return typeof fd === 'number' && typeof close === 'function' && typeof listen === 'function'
}
