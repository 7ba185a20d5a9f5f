/** The fields of a log line, without those that pino writes itself: it would write the same key twice. */
export interface LogFacts {
  readonly [field: string]: unknown
  readonly level?: never
  readonly time?: never
  readonly pid?: never
  readonly hostname?: never
  readonly name?: never
  readonly msg?: never
}

/** A logger with these methods of pino, such as Fastify's logger. */
export interface Logger {
  info(facts: LogFacts, message: string): void
  warn(facts: LogFacts, message: string): void
  error(facts: LogFacts, message: string): void
}

export const silent: Logger = { info() {}, warn() {}, error() {} }

/** Logs with the logger that `current` returns for each line. Each line has the number of this generation. */
export const generationLogger = (generation: number, current: () => Logger): Logger => ({
  info: (facts, message) => current().info({ generation, ...facts }, message),
  warn: (facts, message) => current().warn({ generation, ...facts }, message),
  error: (facts, message) => current().error({ generation, ...facts }, message),
})
