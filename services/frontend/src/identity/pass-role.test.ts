import { MemoryIdentities } from '@weft/policy/testing'
import { expect, it } from 'vitest'
import { sessionPrincipal, testAuthorizer } from '../doors/testing.ts'
import { refuseLending, rolesIn } from './pass-role.ts'

it('finds roles wherever a request names them, and takes nothing else for one', () => {
  const arn = 'arn:aws:iam::123456789012:role/r'
  expect(rolesIn({ Targets: [{ Id: 'a', RoleArn: arn }, { Id: 'b' }], RoleArn: 'x', Name: arn })).toEqual([arn, 'x'])
  expect(rolesIn({ RoleArn: { RoleArn: arn } })).toEqual([arn])
  expect(rolesIn(null)).toEqual([])
  let deep: object = { RoleArn: arn }
  for (let level = 0; level < 10_000; level++) deep = { deep }
  expect(rolesIn(deep)).toEqual([])
})

it('lends a role of its account to a service for who may pass it', () => {
  const authorizer = testAuthorizer(new MemoryIdentities())
  const role = 'arn:aws:iam::123456789012:role/r'
  const lend = (who: string, arn = role) =>
    refuseLending(authorizer, sessionPrincipal('123456789012', who), arn, 'scheduler.amazonaws.com')?.message
  expect(lend('weft-full-access')).toBeUndefined()
  expect(lend('made-up')).toContain(
    'is not authorized to perform: iam:PassRole on resource: arn:aws:iam::123456789012:role/r',
  )
  expect(lend('weft-full-access', 'arn:aws:iam::210987654321:role/r')).toBe('Cross-account pass role is not allowed.')
})
