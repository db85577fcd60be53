import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { matchRoute, parseRouteKey } from './route-key.ts'

const routes = (...keys: string[]) => keys.map((routeKey) => ({ routeKey }))
const chosen = (keys: string[], method: string, path: string) => {
  const match = matchRoute(routes(...keys), method, path)
  return match && [match.route.routeKey, match.pathParameters]
}

test.each(['', 'GET', 'GET pets', 'FETCH /', 'GET /a//b', 'GET /{a+}/b', 'GET /{}', 'GET /a{b}', 'GET /a /b', 'get /'])(
  '"%s" is no route key',
  (key) => {
    expect(parseRouteKey(key)).toBeUndefined()
  },
)

describe('the most specific route is chosen', () => {
  // API Gateway's guide, "Create routes for HTTP APIs".
  const guide = ['GET /pets/dog/1', 'GET /pets/dog/{id}', 'GET /pets/{proxy+}', 'ANY /{proxy+}', '$default']
  it.each([
    ['GET', '/pets/dog/1', 'GET /pets/dog/1', {}],
    ['GET', '/pets/dog/2', 'GET /pets/dog/{id}', { id: '2' }],
    ['GET', '/pets/cat/1', 'GET /pets/{proxy+}', { proxy: 'cat/1' }],
    ['POST', '/test/5', 'ANY /{proxy+}', { proxy: 'test/5' }],
    ['GET', '/', '$default', {}],
  ])('%s %s', (method, path, key, parameters) => {
    expect(chosen(guide, method, path)).toEqual([key, parameters])
  })

  it('by method before ANY, by a fixed segment before either', () => {
    expect(chosen(['ANY /a', 'GET /a'], 'GET', '/a')?.[0]).toBe('GET /a')
    expect(chosen(['ANY /a/b', 'GET /a/{x}'], 'GET', '/a/b')?.[0]).toBe('ANY /a/b')
    expect(chosen(['GET /a'], 'POST', '/a')).toBeUndefined()
  })

  it('and parameters are decoded, a slash at the end does not count', () => {
    expect(chosen(['GET /a/{x}'], 'GET', '/a/b%2Fc%20d/')).toEqual(['GET /a/{x}', { x: 'b/c d' }])
    expect(chosen(['GET /a/{x}'], 'GET', '/a/%zz')).toEqual(['GET /a/{x}', { x: '%zz' }])
    expect(chosen(['GET /'], 'GET', '/')).toEqual(['GET /', {}])
  })
})

test('whatever the routes and their order: what is chosen covers the path, and no other that does is plainly closer', () => {
  const segment = fc.constantFrom('a', 'b', '{x}', '{y}')
  const path = fc.tuple(fc.array(segment, { maxLength: 4 }), fc.boolean()).map(([parts, greedy]) => {
    const named = parts.map((part, at) => (part.startsWith('{') ? `{p${at}}` : part))
    return `/${[...named, ...(greedy ? ['{rest+}'] : [])].join('/')}`
  })
  const key = fc.tuple(fc.constantFrom('GET', 'POST', 'ANY'), path).map((parts) => parts.join(' '))
  const keys = fc.uniqueArray(fc.oneof(key, fc.constant('$default')), { maxLength: 12 })
  const asked = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 5 }).map((parts) => `/${parts.join('/')}`)
  const covers = (routeKey: string, url: string): boolean => {
    const [method = '', template = ''] = routeKey.split(' ')
    if (routeKey === '$default') return true
    const pattern = template.replace(/\{\w+\+\}/g, '.+').replace(/\{\w+\}/g, '[^/]+')
    return method !== 'POST' && new RegExp(`^${pattern}$`).test(url)
  }
  const fixed = (routeKey: string): number =>
    routeKey === '$default'
      ? -1
      : routeKey
          .split('/')
          .slice(1)
          .filter((part) => part !== '' && !part.startsWith('{')).length
  fc.assert(
    fc.property(keys, asked, (all, url) => {
      const match = matchRoute(routes(...all), 'GET', url)
      const fitting = all.filter((one) => covers(one, url))
      expect(match === undefined).toBe(fitting.length === 0)
      if (!match) return
      expect(fitting).toContain(match.route.routeKey)
      const exact = fitting.filter((one) => one.split(' ')[1] === url)
      if (exact.length > 0) expect(exact).toContain(match.route.routeKey)
      if (fitting.some((one) => fixed(one) >= 0)) expect(match.route.routeKey).not.toBe('$default')
      const reversed = matchRoute(routes(...all.toReversed()), 'GET', url)
      // Two routes that differ only in the names of their parameters are equally close.
      const shape = (text = ''): string => text.replace(/\{\w+/g, '{')
      expect(shape(reversed?.route.routeKey)).toBe(shape(match.route.routeKey))
    }),
  )
})
