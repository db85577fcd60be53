import { accountId } from '@weft/contracts'
import { expect, it } from 'vitest'
import { Markers } from './markers.ts'

const account = accountId('123456789012')
const markers = new Markers('secret')
const items = ['a', 'b', 'c', 'd', 'e']
const page = (marker: string | undefined, maxItems?: number) => {
  const result = markers.page(account, 'list', items, (item) => item, { marker, maxItems, most: 2 })
  return result.ok ? result.value : result.error.code
}

it('walks a list to its end, even when the item of the marker has gone', () => {
  expect(page(undefined)).toEqual({ items: ['a', 'b'], nextMarker: expect.any(String) })
  expect(page(markers.write(account, 'list', 'b'), 1)).toMatchObject({ items: ['c'] })
  expect(page(markers.write(account, 'list', 'bb'))).toMatchObject({ items: ['c', 'd'] })
  expect(page(markers.write(account, 'list', 'd'))).toEqual({ items: ['e'] })
  expect(page(markers.write(account, 'list', 'e'))).toEqual({ items: [] })
})

it('refuses a marker of another list, account or fabric, and one that was changed', () => {
  const forged = [
    markers.write(account, 'other', 'b'),
    markers.write(accountId('210987654321'), 'list', 'b'),
    new Markers('other').write(account, 'list', 'b'),
    markers.write(account, 'list', 'b').replace(/^./, 'Z'),
    'b',
    '.',
    'a.b.c',
    'x'.repeat(5_000),
  ]
  for (const marker of forged) expect(page(marker)).toBe('InvalidParameterValueException')
})
