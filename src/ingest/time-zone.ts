// Wall-clock time of an IANA zone to UTC, with the zone tables Node carries (Intl.DateTimeFormat).
//
// A wall time that a zone skips (clocks go forward) is no time at all. One that it has twice
// (clocks go back) is taken as the first of the two: the earlier instant.
import { VarveError } from '#base'

const daySeconds = 86_400

/** Days from 1970-01-01 to a date of the proleptic Gregorian calendar (H. Hinnant,
 * "chrono-compatible date
 *  algorithms", days_from_civil). */
export function daysOfDate(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

export interface TimeZone {
  readonly name: string
  /** Seconds to subtract from a wall time (seconds since 1970-01-01T00:00 on that wall), NaN where
   * the zone skips it. */
  offsetOf(wallSeconds: number): number
}

const utc: TimeZone = { name: 'UTC', offsetOf: () => 0 }

/** Seconds the zone is ahead of UTC at a UTC second. */
function offsetReader(zone: string): (utcSeconds: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    era: 'short',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  return (utcSeconds) => {
    const part: Record<string, string> = {}
    for (const { type, value } of format.formatToParts(utcSeconds * 1000)) part[type] = value
    const year = part['era']?.startsWith('B') ? 1 - Number(part['year']) : Number(part['year'])
    const days = daysOfDate(year, Number(part['month']), Number(part['day']))
    const clock = Number(part['hour']) * 3600 + Number(part['minute']) * 60 + Number(part['second'])
    return days * daySeconds + clock - utcSeconds
  }
}

/** Days whose offset was looked up; far more than any file needs at once, and small. */
const daysKept = 65_536

/**
 * The zone of that name.
 *
 * @throws {VarveError} ERR_ARGUMENT where Node knows none.
 */
export function timeZone(name: string): TimeZone {
  if (/^(?:utc|z|gmt|etc\/utc)$/i.test(name)) return utc
  let offsetAt: (utcSeconds: number) => number
  try {
    offsetAt = offsetReader(name)
  } catch (cause) {
    throw new VarveError(
      'ERR_ARGUMENT',
      `there is no time zone ${JSON.stringify(name)}`,
      { actual: name },
      { hint: 'Give a name of the IANA database, such as America/New_York, or UTC.', cause },
    )
  }
  const byDay = new Map<number, number>()
  const search = (wall: number): number => {
    // The two offsets that can hold around the wall time; the larger one gives the earlier instant.
    const before = offsetAt(wall - daySeconds)
    const after = offsetAt(wall + daySeconds)
    const larger = Math.max(before, after)
    const smaller = Math.min(before, after)
    if (offsetAt(wall - larger) === larger) return larger
    return offsetAt(wall - smaller) === smaller ? smaller : Number.NaN
  }
  return {
    name,
    offsetOf(wall) {
      const day = Math.floor(wall / daySeconds)
      let offset = byDay.get(day)
      if (offset === undefined) {
        // Constant from a day before to a day after: no wall time of this day is skipped or
        // doubled. Else: Infinity.
        const first = offsetAt((day - 1) * daySeconds)
        const last = offsetAt((day + 2) * daySeconds)
        offset = first === last ? first : Infinity
        if (byDay.size >= daysKept) byDay.clear()
        byDay.set(day, offset)
      }
      return offset === Infinity ? search(wall) : offset
    },
  }
}
