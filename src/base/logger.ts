/** Where varve says what happened; the shape of pino and console-like loggers. Default: nowhere. */
export interface Logger {
  debug(fields: object, message?: string): void
  info(fields: object, message?: string): void
  warn(fields: object, message?: string): void
  error(fields: object, message?: string): void
}

function nowhere(): void {}

export const silentLogger: Logger = {
  debug: nowhere,
  info: nowhere,
  warn: nowhere,
  error: nowhere,
}
