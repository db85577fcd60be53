import { expect, test } from 'vitest'
import { addressText } from './declaration.ts'
import { AddressPool, bridgeCommands, firewall, insideCommands, namesOf } from './rules.ts'

const declaration = {
  subnets: {
    'subnet-db': { cidr: '10.214.0.0/24', dns: [], reach: ['192.168.7.0/24'] },
    'subnet-out': { cidr: '10.213.0.0/20', dns: [], reach: [] },
  },
  securityGroups: {
    'sg-all': { egress: [{ cidr: '0.0.0.0/0' }] },
    'sg-web': { egress: [{ cidr: '0.0.0.0/0', protocol: 'tcp' as const, ports: [80, 443] }] },
  },
}
const names = namesOf(declaration, '0123456789ab')

test('names are short enough for interfaces and tell workers apart', () => {
  expect(names.bridges).toEqual({ 'subnet-db': 'wf01234567b0', 'subnet-out': 'wf01234567b1' })
  expect(names.table).toBe('weft_0123456789ab')
})

test('private ranges are open where they are declared, before they are closed', () => {
  const text = firewall(declaration, names)
  expect(text).toContain('ip saddr @group1 ip daddr 0.0.0.0/0 tcp dport { 80, 443 } accept')
  expect(text).toContain('ip saddr @group0 ip daddr 0.0.0.0/0 accept')
  const chain = (bridge: string): string =>
    text.slice(text.indexOf(`chain from_${bridge} {`)).split('}\n  chain')[0] as string
  expect(chain('wf01234567b0').indexOf('192.168.7.0/24')).toBeLessThan(chain('wf01234567b0').indexOf('192.168.0.0/16'))
  expect(chain('wf01234567b0').indexOf('169.254.0.0/16')).toBeLessThan(chain('wf01234567b0').indexOf('192.168.7.0/24'))
  expect(chain('wf01234567b1')).not.toContain('192.168.7.0/24')
  expect(text).toContain('ip saddr 10.213.0.0/20 oifname != "wf01234567b1" masquerade')
  expect(firewall({ subnets: {}, securityGroups: {} }, names)).not.toContain('undefined')
})

test('the first address leads out, the others are lent, the last returned comes last', () => {
  expect(bridgeCommands('b', '10.213.0.0/20')[1]).toBe('addr add 10.213.0.1/20 dev b')
  expect(insideCommands(0x0a_d5_00_07, '10.213.0.0/20')).toContain('addr add 10.213.0.7/20 dev eth0')
  const pool = new AddressPool('10.0.0.0/29')
  const all = Array.from({ length: 5 }, () => pool.take() as number)
  expect(all.map(addressText)).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6'])
  expect(pool.take()).toBeUndefined()
  pool.release(all[1] as number)
  pool.release(all[3] as number)
  expect([pool.take(), pool.take(), pool.take()]).toEqual([all[1], all[3], undefined])
})
