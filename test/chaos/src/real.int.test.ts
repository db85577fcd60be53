import { seededRandom } from '@weft/kit'
import { expect, test } from 'vitest'
import { reportText } from './real/report.ts'
import { runReal } from './real/run-real.ts'

test('events on real sandboxes end once and as planned while every service, sandboxes and the bus are killed and paused', async () => {
  const random = seededRandom(11)
  const report = await runReal({
    events: 200,
    records: 60,
    faults: 10,
    random: (below) => Math.floor(random() * below),
    tell: () => {},
  })
  console.log(reportText(report))
  expect(report.odd).toEqual([])
  expect(report.events).toMatchObject({ lost: 0, endedTwice: 0, endedWrongly: 0 })
  expect(report.duplicatesOutside).toBe(0)
  expect(report.records).toMatchObject({ lost: 0, wronglyDead: 0 })
})
