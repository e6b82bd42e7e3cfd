// What is said to callers of something that is closed.
import { VarveError } from '#base'

export function closedError(what: string): VarveError {
  return new VarveError('ERR_CLOSED', `the ${what} is closed`, {}, { hint: 'Open it again.' })
}
