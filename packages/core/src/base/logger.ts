/** A logger with these methods of pino, such as Fastify's logger. */
export interface Logger {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}

export const silent: Logger = { info() {}, warn() {}, error() {} }

/** Logs with the logger that `current` returns for each line. */
export const currentLogger = (current: () => Logger): Logger => ({
  info: (facts, message) => current().info(facts, message),
  warn: (facts, message) => current().warn(facts, message),
  error: (facts, message) => current().error(facts, message),
})
