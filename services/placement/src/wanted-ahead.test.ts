import { accountId, functionName } from '@weft/contracts'
import type { ProvisionedTarget } from '@weft/placement'
import { stageSpec } from '@weft/placement/testing'
import { expect, it } from 'vitest'
import { WantedAhead } from './wanted-ahead.ts'

it('tells at once what is wanted for every reason', () => {
  const told: string[] = []
  const ahead = new WantedAhead((_account, name, targets) => {
    told.push(`${name}: ${targets.map(({ spec, count }) => `${spec.version} × ${count}`).join(', ')}`)
  })
  const account = accountId('000000000001')
  const of = (version: string, count: number): ProvisionedTarget => ({ spec: stageSpec('f', { version }), count })
  const [f, g] = [functionName('f'), functionName('g')]
  const [provisioned, snapStart] = [ahead.for('provisioned'), ahead.for('SnapStart')]
  provisioned(account, f, [of('1', 2)])
  snapStart(account, f, [of('2', 1)])
  snapStart(account, g, [of('3', 1)])
  provisioned(account, f, [of('1', 3)])
  snapStart(account, f, [])
  provisioned(account, f, [])
  expect(told).toEqual(['f: 1 × 2', 'f: 1 × 2, 2 × 1', 'g: 3 × 1', 'f: 1 × 3, 2 × 1', 'f: 1 × 3', 'f: '])
})
