import { isolationTag } from '@weft/contracts'
import { expect, test } from 'vitest'
import { checkIsolationTag } from './isolation.ts'

const check = (value: string | undefined, isolations?: readonly ('container' | 'gvisor')[]) => {
  const tags = value === undefined ? { other: 'x' } : { [isolationTag]: value }
  const refused = checkIsolationTag(tags, isolations ? { isolations } : {})
  return refused && !refused.ok ? refused.error.message : undefined
}

test('a function asks for an isolation that some worker has', () => {
  expect(check(undefined, ['container'])).toBeUndefined()
  expect(check('container', ['container'])).toBeUndefined()
  expect(check('container', ['gvisor'])).toBeUndefined()
  expect(check('gvisor')).toBeUndefined()
  expect(check('gvisor', ['container'])).toBe('No worker offers the isolation gvisor; they offer: container.')
  expect(check('jail', ['container'])).toBe('The tag weft:isolation must be one of: none, container, gvisor, vm.')
})
