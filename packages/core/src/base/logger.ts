/** What Handover needs of a logger: the three methods of pino, which Fastify's logger has too. */
export interface Logger {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}

/** Says nothing. */
export const silent: Logger = { info() {}, warn() {}, error() {} }

/** Logs with the logger that `current` returns at that moment. */
export const currentLogger = (current: () => Logger): Logger => ({
  info: (facts, message) => current().info(facts, message),
  warn: (facts, message) => current().warn(facts, message),
  error: (facts, message) => current().error(facts, message),
})
