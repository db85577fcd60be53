import { describe, expect, test } from 'vitest'
import { isPublicAddress, RegistryAccess, registryEntryProblem } from './registry-access.ts'

describe('addresses', () => {
  test.each([
    ...[
      '0.0.0.0',
      '10.1.2.3',
      '100.64.0.1',
      '127.0.0.1',
      '127.9.9.9',
      '169.254.169.254',
      '172.16.0.1',
      '172.31.255.255',
    ],
    ...['192.0.0.1', '192.0.2.1', '192.168.1.1', '198.18.0.1', '203.0.113.9', '224.0.0.1', '255.255.255.255'],
    ...[
      '::',
      '::1',
      '::ffff:127.0.0.1',
      '::ffff:8.8.8.8',
      '64:ff9b::7f00:1',
      'fc00::1',
      'fd12::1',
      'fe80::1',
      'ff02::1',
    ],
    ...['2001:db8::1', '2001::1', '2002:7f00:1::1'],
  ])('%s is inside', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })
  test.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450::1'])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true)
  })
})

describe('what may be asked', () => {
  const access = new RegistryAccess([
    'registry.lan',
    'localhost:5000',
    'http://plain.lan:5001',
    'https://127.0.0.1:5002',
  ])
  const allows = (url: string, address = '8.8.8.8'): boolean =>
    access.allowsUrl(new URL(url)) && access.allowsAddress(new URL(url), address)

  test('public registries by https, and never by http', () => {
    expect(allows('https://registry.example/v2/')).toBe(true)
    expect(allows('http://registry.example/v2/')).toBe(false)
    expect(allows('ftp://registry.example/v2/')).toBe(false)
    expect(allows('https://user:word@registry.example/v2/')).toBe(false)
  })

  test('addresses inside, only of registries that are listed, on their ports', () => {
    expect(allows('https://registry.example/', '10.0.0.1')).toBe(false)
    expect(allows('https://registry.lan/', '10.0.0.1')).toBe(true)
    expect(allows('https://registry.lan:443/', '10.0.0.1')).toBe(true)
    expect(allows('https://registry.lan:8443/', '10.0.0.1')).toBe(false)
    expect(allows('http://localhost:5000/', '127.0.0.1')).toBe(true)
    expect(allows('http://localhost:5001/', '127.0.0.1')).toBe(false)
    expect(allows('http://plain.lan:5001/', '192.168.0.9')).toBe(true)
    expect(allows('https://127.0.0.1:5002/', '127.0.0.1')).toBe(true)
  })

  test.each([
    ...['https://127.0.0.1/', 'https://127.1/', 'https://2130706433/', 'https://0x7f.1/', 'https://[::1]/'],
    ...['https://[::ffff:127.0.0.1]/', 'https://169.254.169.254/latest/meta-data', 'http://169.254.169.254/'],
  ])('%s, whichever way an address inside is written, is refused', (url) => {
    expect(access.allowsUrl(new URL(url))).toBe(false)
  })

  test('the scheme of a registry is the one it is listed with', () => {
    expect(access.baseUrl('localhost:5000').href).toBe('http://localhost:5000/')
    expect(access.baseUrl('plain.lan:5001').href).toBe('http://plain.lan:5001/')
    expect(access.baseUrl('registry.lan').href).toBe('https://registry.lan/')
    expect(access.baseUrl('127.0.0.1:5002').href).toBe('https://127.0.0.1:5002/')
    expect(access.baseUrl('docker.io').href).toBe('https://registry-1.docker.io/')
  })
})

test('entries of the list', () => {
  for (const entry of ['a.lan', 'a.lan:5000', 'http://a.lan', 'https://[::1]:5000', 'localhost:5000'])
    expect(registryEntryProblem(entry)).toBe(undefined)
  for (const entry of ['', 'a lan', 'http://', 'a.lan/path', 'http://a.lan/?x', 'https://u:p@a.lan', 'a:b:c'])
    expect(registryEntryProblem(entry)).toContain('is not a registry')
})
