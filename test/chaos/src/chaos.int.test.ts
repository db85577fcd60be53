import { seededRandom } from '@weft/kit'
import { expect, test } from 'vitest'
import { reportText } from './report.ts'
import { runChaos } from './run-chaos.ts'

test('events of every plan end once while instances and the bus are killed and paused; no record is lost', async () => {
  const random = seededRandom(7)
  const report = await runChaos({
    events: 400,
    records: 200,
    faults: 8,
    instances: 2,
    random: (below) => Math.floor(random() * below),
    tell: () => {},
  })
  console.log(reportText(report))
  expect(report.events).toMatchObject({ lost: 0, endedTwice: 0, endedWrongly: 0 })
  expect(report.records).toMatchObject({ lost: 0, outOfOrder: 0 })
})
