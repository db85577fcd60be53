import { err, ok, type Result } from '@weft/contracts'
import { Cron } from 'croner'

/** When something is to happen; times are epoch ms. */
export interface Timetable {
  readonly kind: 'cron' | 'rate' | 'at'
  /** The first time after the given one; undefined: never again. */
  next(afterMs: number): number | undefined
}

export interface TimetableOptions {
  /** IANA name; of cron and at. */
  readonly timezone: string
  /** What rates count from, epoch ms. */
  readonly anchorMs: number
  /** Whether a rate's first time is the anchor itself (EventBridge Scheduler), or one period later (rules). */
  readonly atAnchor: boolean
}

const units = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const
/** AWS allows years 1970 to 2199. */
const latestMs = Date.UTC(2200, 0, 1)
/** A pattern that names only times that the zone's clock leaves out would be looked through for ever. */
const mostSkips = 50

/**
 * Reads `cron(minutes hours day-of-month month day-of-week year)`, `rate(value unit)` or `at(yyyy-mm-ddThh:mm:ss)`.
 * EventBridge Scheduler user guide, "Schedule types". The error says what is wrong, for people.
 */
export function parseTimetable(expression: string, options: TimetableOptions): Result<Timetable, string> {
  const [, kind, body = ''] = /^(cron|rate|at)\(([^()]*)\)$/.exec(expression) ?? []
  switch (kind) {
    case 'cron':
      return cron(body, options.timezone)
    case 'rate':
      return rate(body, options)
    case 'at':
      return at(body, options.timezone)
    default:
      return err('it is neither cron(…), rate(…) nor at(…)')
  }
}

export function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

function rate(body: string, { anchorMs, atAnchor }: TimetableOptions): Result<Timetable, string> {
  const [, digits = '', unit, plural] = /^([1-9]\d{0,8}) (minute|hour|day)(s?)$/.exec(body) ?? []
  if (!unit) return err('a rate is a positive number and minutes, hours or days')
  const value = Number(digits)
  if ((value === 1) === (plural === 's')) return err('the unit is singular for 1, and plural for more')
  const periodMs = value * units[unit as keyof typeof units]
  const firstMs = atAnchor ? anchorMs : anchorMs + periodMs
  return ok({
    kind: 'rate',
    next: (afterMs) =>
      afterMs < firstMs ? firstMs : firstMs + (Math.floor((afterMs - firstMs) / periodMs) + 1) * periodMs,
  })
}

function at(body: string, timezone: string): Result<Timetable, string> {
  const wallMs = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(body) ? Date.parse(`${body}Z`) : Number.NaN
  if (Number.isNaN(wallMs) || new Date(wallMs).toISOString().slice(0, 19) !== body)
    return err('a time is yyyy-mm-ddThh:mm:ss')
  const atMs = instantOf(wallMs, timezone)
  return ok({ kind: 'at', next: (afterMs) => (afterMs < atMs ? atMs : undefined) })
}

function cron(body: string, timezone: string): Result<Timetable, string> {
  const fields = body.trim().split(/ +/)
  const [minutes, hours, dayOfMonth, month, dayOfWeek, year] = fields
  if (fields.length !== 6) return err(`a cron expression has six fields, not ${fields.length}`)
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) return err('exactly one of day-of-month and day-of-week must be ?')
  if (fields.some((field) => !/^[\w*?/,#-]+$/.test(field))) return err('it has characters that no field takes')
  // A day of the week `L` alone is the week's last day; with a number it is the last one of the month.
  const weekday = dayOfWeek?.toUpperCase() === 'L' ? '7' : dayOfWeek
  const pattern = `0 ${minutes} ${hours} ${dayOfMonth} ${month} ${weekday} ${year}`.replaceAll('?', '*')
  const common = { alternativeWeekdays: true, sloppyRanges: true, domAndDow: true, paused: true } as const
  let zoned: Cron
  let plain: Cron
  try {
    zoned = new Cron(pattern, { ...common, timezone })
    plain = new Cron(pattern, { ...common, timezone: 'UTC' })
  } catch (error) {
    return err(error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error))
  }
  return ok({
    kind: 'cron',
    next(afterMs) {
      let from = afterMs
      for (let left = mostSkips; left > 0; left--) {
        const found = zoned.nextRun(new Date(from))?.getTime()
        if (found === undefined || found >= latestMs) return undefined
        // A time that the clock of the zone leaves out in spring is skipped, not moved.
        if (plain.match(new Date(wallOf(found, timezone)))) return found
        from = found
      }
      return undefined
    },
  })
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** What a clock in the zone shows at an instant, as if it were UTC. */
function wallOf(ms: number, timeZone: string): number {
  let format = formats.get(timeZone)
  if (!format) {
    const numeric = 'numeric' as const
    const parts = { year: numeric, month: numeric, day: numeric, hour: numeric, minute: numeric, second: numeric }
    format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...parts })
    formats.set(timeZone, format)
  }
  const part = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]))
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

/** The instant at which a clock in the zone shows a time; where it shows it twice, the first. */
function instantOf(wallMs: number, timezone: string): number {
  const day = units.day
  const candidates = [wallMs - day, wallMs + day].map((near) => wallMs - (wallOf(near, timezone) - near))
  const exact = candidates.filter((ms) => wallOf(ms, timezone) === wallMs)
  return Math.min(...(exact.length > 0 ? exact : candidates))
}
