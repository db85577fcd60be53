import type { ObjectInfo } from '@weft/nats'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatPlace, type ListPage, listPage, parsePlace } from './listing.ts'

const sorted = (keys: readonly string[]): ObjectInfo[] =>
  [...new Set(keys)]
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map((key) => ({ key, sizeBytes: 1, etag: '', lastModifiedMs: 0, headers: {} }))

const query = { prefix: '', delimiter: '', maxKeys: 1_000, startAfter: '' }

describe('listPage', () => {
  it('rolls keys into common prefixes', () => {
    const page = listPage(sorted(['a', 'b/1', 'b/2', 'b/c/3', 'd/']), { ...query, delimiter: '/' })
    expect([page.objects.map((o) => o.key), page.prefixes]).toEqual([['a'], ['b/', 'd/']])
    const inside = listPage(sorted(['b/1', 'b/c/3', 'b/c/4']), { ...query, delimiter: '/', prefix: 'b/' })
    expect([inside.objects.map((o) => o.key), inside.prefixes]).toEqual([['b/1'], ['b/c/']])
  })

  it('begins after a key', () => {
    expect(listPage(sorted(['a', 'b', 'c']), { ...query, startAfter: 'b' }).objects.map((o) => o.key)).toEqual(['c'])
  })

  it('gives page by page what one page without end gives', () => {
    const key = fc.string({ unit: fc.constantFrom('a', 'b', '/', '😀', '\uffff'), minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(
        fc.array(key, { maxLength: 40 }),
        key,
        fc.boolean(),
        fc.integer({ min: 1, max: 5 }),
        (keys, p, rolled, maxKeys) => {
          const asked = { ...query, prefix: p.slice(1), delimiter: rolled ? '/' : '' }
          const all = listPage(sorted(keys), asked)
          const objects: string[] = []
          const prefixes: string[] = []
          let page: ListPage | undefined
          do {
            const token = page?.next && parsePlace(formatPlace(page.next))
            page = listPage(sorted(keys), { ...asked, maxKeys, ...(token?.ok && { after: token.value }) })
            expect(page.objects.length + page.prefixes.length).toBeLessThanOrEqual(maxKeys)
            objects.push(...page.objects.map((o) => o.key))
            prefixes.push(...page.prefixes)
          } while (page.next)
          expect(objects).toEqual(all.objects.map((o) => o.key))
          expect(prefixes).toEqual(all.prefixes)
        },
      ),
    )
  })

  it.each(['', 'x', '!', 'eA', 'A'.repeat(5_000)])('refuses the token %j', (token) => {
    expect(parsePlace(token).ok).toBe(false)
  })
})
