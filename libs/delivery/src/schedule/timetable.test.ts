import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lastDue, nextDue } from './firings.ts'
import { isTimezone, parseTimetable, type Timetable } from './timetable.ts'

const anchorMs = Date.parse('2026-01-01T00:00:30Z')
const read = (expression: string, timezone = 'UTC', atAnchor = false): Timetable => {
  const parsed = parseTimetable(expression, { timezone, anchorMs, atAnchor })
  if (!parsed.ok) throw new Error(`${expression}: ${parsed.error}`)
  return parsed.value
}
const series = (timetable: Timetable, from: string, count: number): string[] => {
  const times: string[] = []
  for (let at = timetable.next(Date.parse(from)); at !== undefined && times.length < count; at = timetable.next(at))
    times.push(new Date(at).toISOString().slice(0, 16))
  return times
}

describe('timetables', () => {
  it.each([
    ['cron(0 10 * * ? *)', '2026-01-01T10:00:00Z', ['2026-01-02T10:00', '2026-01-03T10:00']],
    ['cron(15 12 * * ? *)', '2026-01-01T00:00:00Z', ['2026-01-01T12:15']],
    ['cron(0 18 ? * MON-FRI *)', '2026-01-02T18:00:00Z', ['2026-01-05T18:00', '2026-01-06T18:00']],
    ['cron(0 8 1 * ? *)', '2026-01-01T08:00:00Z', ['2026-02-01T08:00']],
    ['cron(0/15 * * * ? *)', '2026-01-01T00:00:00Z', ['2026-01-01T00:15', '2026-01-01T00:30']],
    ['cron(0/10 * ? * MON-FRI *)', '2026-01-03T00:00:00Z', ['2026-01-05T00:00']],
    ['cron(0/5 8-17 ? * MON-FRI *)', '2026-01-05T17:55:00Z', ['2026-01-06T08:00']],
    ['cron(0 9 ? * 2#1 *)', '2026-01-01T00:00:00Z', ['2026-01-05T09:00', '2026-02-02T09:00']],
    ['cron(30 20 L * ? *)', '2026-01-01T00:00:00Z', ['2026-01-31T20:30', '2026-02-28T20:30']],
    ['cron(0 0 ? * L *)', '2026-01-01T00:00:00Z', ['2026-01-03T00:00']],
    ['cron(0 0 ? * 6L *)', '2026-01-01T00:00:00Z', ['2026-01-30T00:00']],
    ['cron(0 0 ? * 1 *)', '2026-01-01T00:00:00Z', ['2026-01-04T00:00']],
    ['cron(0 12 25 12 ? 2030)', '2026-01-01T00:00:00Z', ['2030-12-25T12:00']],
    ['cron(0 9 3W * ? *)', '2026-01-01T00:00:00Z', ['2026-01-02T09:00']],
    ['rate(1 minute)', '2026-01-01T00:00:00Z', ['2026-01-01T00:01', '2026-01-01T00:02']],
    ['rate(5 minutes)', '2026-01-01T00:05:30Z', ['2026-01-01T00:10']],
    ['rate(2 days)', '2026-01-01T00:00:00Z', ['2026-01-03T00:00']],
    ['at(2026-07-01T12:00:00)', '2026-01-01T00:00:00Z', ['2026-07-01T12:00']],
    ['at(2026-07-01T12:00:00)', '2026-07-01T12:00:00Z', []],
    ['cron(0 12 25 12 ? 2020)', '2026-01-01T00:00:00Z', []],
  ])('%s after %s', (expression, from, times) => {
    expect(series(read(expression), from, Math.max(1, times.length))).toEqual(times)
  })

  it('skips what the clock of a zone leaves out, and runs once what it shows twice', () => {
    const daily = read('cron(30 2 * * ? *)', 'America/New_York')
    expect(series(daily, '2026-03-07T00:00:00Z', 2)).toEqual(['2026-03-07T07:30', '2026-03-09T06:30'])
    const autumn = read('cron(30 1 * * ? *)', 'America/New_York')
    expect(series(autumn, '2026-10-31T12:00:00Z', 2)).toEqual(['2026-11-01T05:30', '2026-11-02T06:30'])
    expect(series(read('at(2026-07-01T12:00:00)', 'Europe/Berlin'), '2026-01-01T00:00:00Z', 1)).toEqual([
      '2026-07-01T10:00',
    ])
  })

  it.each([
    'cron(* * * * * *)',
    'cron(0 10 ? * ? *)',
    'cron(0 10 * * ?)',
    'cron(61 10 * * ? *)',
    'cron(0 25 * * ? *)',
    'cron(0 10 * * ? *) ',
    'cron(0 10 * * ? * *)',
    'cron(a b c d ? e)',
    'rate(0 minutes)',
    'rate(1 minutes)',
    'rate(2 minute)',
    'rate(5 seconds)',
    'rate(-5 minutes)',
    'rate(5minutes)',
    'at(2026-02-30T00:00:00)',
    'at(2026-01-01 00:00:00)',
    'every(5 minutes)',
    '',
    '0 10 * * ? *',
  ])('refuses %j', (expression) => {
    expect(parseTimetable(expression, { timezone: 'UTC', anchorMs, atAnchor: false })).toMatchObject({ ok: false })
  })

  it('knows time zones', () => {
    expect(['UTC', 'Europe/Berlin', 'Mars/Olympus', ''].map(isTimezone)).toEqual([true, true, false, false])
  })
})

describe('firings', () => {
  const everyFive = { timetable: read('rate(5 minutes)'), arn: 'a', flexibleWindowMs: 0 }

  it('makes up for the last one that was missed, not for all', () => {
    const due = lastDue(everyFive, anchorMs, anchorMs + 3_600_000 + 1_000)
    expect(due).toEqual({ scheduledMs: anchorMs + 3_600_000, dueMs: anchorMs + 3_600_000 })
    expect(lastDue(everyFive, anchorMs + 3_600_000, anchorMs + 3_600_000 + 1_000)).toBeUndefined()
    const yearly = { timetable: read('cron(0 12 25 12 ? *)'), arn: 'a', flexibleWindowMs: 0 }
    expect(lastDue(yearly, anchorMs, Date.parse('2027-06-01T00:00:00Z'))?.scheduledMs).toBe(
      Date.parse('2026-12-25T12:00:00Z'),
    )
  })

  it('keeps to its start and end', () => {
    const bounded = { ...everyFive, startMs: anchorMs + 600_000, endMs: anchorMs + 900_000 }
    expect(nextDue(bounded, anchorMs)).toBe(anchorMs + 600_000)
    expect(nextDue(bounded, anchorMs + 600_000)).toBeUndefined()
  })

  it('is told once by clocks that look at any times, flexible or not', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 60 }),
        fc.constantFrom(0, 60_000, 240_000),
        (steps, flexibleWindowMs) => {
          const timing = { timetable: read('rate(1 minute)'), arn: 'b', flexibleWindowMs }
          const seen: number[] = []
          let now = anchorMs
          for (const step of steps) {
            // No step is longer than the time between two firings, so none is left out when there is no window.
            const due = lastDue(timing, now, now + Math.min(step, 60_000))
            now += Math.min(step, 60_000)
            if (due) seen.push(due.scheduledMs)
          }
          expect(new Set(seen).size).toBe(seen.length)
          if (flexibleWindowMs === 0) expect(seen.length).toBe(Math.floor((now - anchorMs) / 60_000))
        },
      ),
    )
  })

  it('is due next when it is due', () => {
    const flexible = { timetable: read('rate(10 minutes)'), arn: 'c', flexibleWindowMs: 300_000 }
    let now = anchorMs
    for (let n = 0; n < 20; n++) {
      const at = nextDue(flexible, now) as number
      expect(lastDue(flexible, now, at)?.dueMs).toBe(at)
      expect(lastDue(flexible, now, at - 1)).toBeUndefined()
      now = at
    }
  })
})
