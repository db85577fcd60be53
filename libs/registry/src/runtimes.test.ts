import { expect, test } from 'vitest'
import { howToOffer, knownRuntimes } from './runtimes.ts'

test.each([
  ['ruby3.4', /install Ruby 3\.4 as \/usr\/bin\/ruby3\.4 \(the Debian package ruby3\.4\)/],
  ['java21', /the Debian package openjdk-21-jdk-headless/],
  ['java8.al2', /Java is served from java17 on/],
  ['nodejs18.x', /install Node\.js 18 as/],
  ['python3.14', /the Debian package python3\.14/],
  ['go1.x', /use provided\.al2023/],
  ['dotnet8', /use provided\.al2023/],
  ['dotnetcore3.1', /use provided\.al2023/],
])('tells how %s can be had', (runtime, way) => {
  expect(howToOffer(runtime)).toMatch(way)
})

test('knows a way for every runtime of AWS, but for those that need nothing', () => {
  expect(knownRuntimes.filter((runtime) => howToOffer(runtime) === undefined)).toEqual([
    'nodejs4.3-edge',
    'provided',
    'provided.al2',
    'provided.al2023',
  ])
  expect(howToOffer('cobol')).toBeUndefined()
})
