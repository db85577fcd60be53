import { expect, test } from 'vitest'
import { activeTrace } from './trace-header.ts'

const random = (): string => 'abcdef012345678912345678'

test.each([
  [undefined, 'Root=1-5759e988-abcdef012345678912345678;Sampled=1'],
  ['Lineage=a:1', 'Root=1-5759e988-abcdef012345678912345678;Lineage=a:1;Sampled=1'],
  ['Root=1-1-2;Parent=3;Sampled=0', 'Root=1-1-2;Parent=3;Sampled=0'],
  ['Root=1-1-2', 'Root=1-1-2;Sampled=1'],
])('%s becomes %s', (given, wanted) => {
  expect(activeTrace(given, 0x5759e988 * 1000 + 17, random)).toBe(wanted)
})
