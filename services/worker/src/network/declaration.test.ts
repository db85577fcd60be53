import { describe, expect, test } from 'vitest'
import { parseDeclaration } from './declaration.ts'

const good = {
  subnets: {
    'subnet-out': { cidr: '10.213.0.0/20', dns: ['192.0.2.53'] },
    'subnet-db': { cidr: '10.214.0.0/24', reach: ['192.168.7.0/24'] },
  },
  securityGroups: { 'sg-web': { egress: [{ cidr: '0.0.0.0/0', protocol: 'tcp', ports: [80, 443] }] } },
}
const errorOf = (value: unknown): string => {
  const result = parseDeclaration(typeof value === 'string' ? value : JSON.stringify(value))
  return result.ok ? '' : result.error
}

test('what is not said is empty', () => {
  expect(parseDeclaration(JSON.stringify(good))).toEqual({
    ok: true,
    value: {
      subnets: {
        'subnet-out': { cidr: '10.213.0.0/20', dns: ['192.0.2.53'], reach: [] },
        'subnet-db': { cidr: '10.214.0.0/24', dns: [], reach: ['192.168.7.0/24'] },
      },
      securityGroups: good.securityGroups,
    },
  })
})

describe('is refused, with the place', () => {
  test.each([
    ['no JSON', '{', 'JSON'],
    ['no object', '[]', 'the declaration must be an object'],
    ['no id', { subnets: { net: { cidr: '10.0.0.0/24' } } }, 'subnets: "net" is no id'],
    ['no range', { subnets: { 'subnet-a': { cidr: '10.0.0.0' } } }, 'subnets.subnet-a.cidr: "10.0.0.0" is no range'],
    ['too large a number', { subnets: { 'subnet-a': { cidr: '10.0.0.256/24' } } }, 'is no range'],
    ['bits beyond', { subnets: { 'subnet-a': { cidr: '10.0.0.1/24' } } }, 'bits beyond its prefix'],
    ['too small a subnet', { subnets: { 'subnet-a': { cidr: '10.0.0.0/30' } } }, '16 to 28 bits'],
    ['a name for a server', { subnets: { 'subnet-a': { cidr: '10.0.0.0/24', dns: ['dns; drop'] } } }, 'is no range'],
    [
      'no port',
      { securityGroups: { 'sg-a': { egress: [{ cidr: '0.0.0.0/0', protocol: 'tcp', ports: [0] }] } } },
      'no port',
    ],
    [
      'ports of nothing',
      { securityGroups: { 'sg-a': { egress: [{ cidr: '0.0.0.0/0', ports: [1] }] } } },
      'needs tcp or udp',
    ],
    [
      'a protocol',
      { securityGroups: { 'sg-a': { egress: [{ cidr: '0.0.0.0/0', protocol: 'x' }] } } },
      'tcp, udp or icmp',
    ],
  ])('%s', (_, value, words) => {
    expect(errorOf(value)).toContain(words)
  })
})
